//! What the service can be asked, for programs that read such.

/// The OpenAPI document of the program's `version`.
pub(crate) fn document(version: &str) -> String {
    include_str!("openapi.json").replace("VERSION", version)
}
