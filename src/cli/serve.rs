//! `ostler serve`.

use crate::host::Surroundings;
use crate::mcp::{Server, serve as serve_mcp};

pub(super) async fn serve() -> anyhow::Result<u8> {
    let surroundings = Surroundings {
        collects: true,
        answers: true,
        ..Surroundings::of_process()?
    };
    serve_mcp(Server::new(surroundings)).await?;
    Ok(0)
}
