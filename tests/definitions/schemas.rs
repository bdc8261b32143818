//! The recorded schema of a front matter is the schema.

use std::fs;
use std::path::Path;

#[test]
fn the_recorded_schema_of_a_definition_is_the_schema() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas/agent.json");
    let now = serde_json::to_string_pretty(&ostler::agents::definition_schema()).unwrap() + "\n";
    if std::env::var_os("OSTLER_BLESS").is_some_and(|bless| bless == "1") {
        fs::write(&path, &now).unwrap();
    }
    let recorded = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        recorded == now,
        "schemas/agent.json is not the schema of a definition; run with OSTLER_BLESS=1 to renew\n{now}"
    );
}
