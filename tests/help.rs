//! The whole help text is one snapshot: `TRYCMD=overwrite cargo test --test help` writes it anew.

#[test]
#[cfg_attr(any(feature = "onnx", feature = "pkcs11"), ignore = "the snapshot is that of the default build")]
fn help_is_as_documented() {
    trycmd::TestCases::new().case("docs/help.md");
}
