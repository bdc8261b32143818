//! Where meanings are compared: what may stand there. The reasons never repeat a value, which may hold
//! a password or, mistaken for the name of its variable, a key.

use serde::de::Error;
use serde::{Deserialize, Deserializer};

/// Longest name of a model.
const NAME: usize = 200;

/// `http://` or `https://`, a host, perhaps a path.
pub(super) fn address<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<String>, D::Error> {
    let url = String::deserialize(deserializer)?;
    let host_and_path = ["http://", "https://"]
        .iter()
        .find_map(|scheme| url.strip_prefix(scheme))
        .ok_or_else(|| D::Error::custom("expected `http://…/v1` or `https://…/v1`"))?;
    let host = host_and_path.split('/').next().unwrap_or_default();
    let problem = if host.contains('@') {
        "a user and a password may not stand in it; name the variable with the key in \
         `embeddings_key`"
    } else if host_and_path.contains(['?', '#']) {
        "it ends with the path, as in `http://127.0.0.1:11434/v1`"
    } else if host.is_empty() || !url.is_ascii() || url.contains(|c: char| c <= ' ') {
        "expected a host, as in `http://127.0.0.1:11434/v1`"
    } else {
        return Ok(Some(url));
    };
    Err(D::Error::custom(problem))
}

/// The name of a model.
pub(super) fn model<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<String>, D::Error> {
    let name = String::deserialize(deserializer)?;
    let is_name = !name.trim().is_empty() && !name.contains(char::is_control);
    match is_name && name.len() <= NAME {
        true => Ok(Some(name)),
        false => Err(D::Error::custom("expected the name of a model")),
    }
}

/// The name of a variable.
pub(super) fn variable<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<String>, D::Error> {
    let name = String::deserialize(deserializer)?;
    let of_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    match name.starts_with(|c: char| !c.is_ascii_digit()) && name.chars().all(of_name) {
        true => Ok(Some(name)),
        false => Err(D::Error::custom(
            "expected the name of the variable with the key, not the key",
        )),
    }
}
