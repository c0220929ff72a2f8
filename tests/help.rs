//! The whole help text is one snapshot: `TRYCMD=overwrite cargo test --test help` writes it anew.

#[test]
fn help_is_as_documented() {
    trycmd::TestCases::new().case("docs/help.md");
}
