//! `ostler serve`.

use crate::host::Surroundings;
use crate::mcp::{Server, serve as serve_mcp};

pub(super) async fn serve() -> anyhow::Result<u8> {
    serve_mcp(Server::new(Surroundings::of_process()?)).await?;
    Ok(0)
}
