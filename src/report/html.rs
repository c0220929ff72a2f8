//! The few pieces of HTML that the report is written with.
//!
//! Owns escaping and data URIs. Everything that is not a literal of this crate goes through [`Escaped`].

use std::fmt::{self, Write as _};

use data_encoding::BASE64;

/// Text that may hold anything, made safe for element content and for quoted attributes.
pub struct Escaped<'a>(pub &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                '\n' | '\t' => f.write_char(c)?,
                // Control characters are not allowed in HTML, and a stolen file's bytes may hold any.
                c if c.is_control() => f.write_char('\u{fffd}')?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

/// A picture inside the page.
pub fn data_uri(media_type: &str, file: &[u8]) -> String {
    format!("data:{media_type};base64,{}", BASE64.encode(file))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn nothing_escapes_the_escape(text in ".*") {
            let safe = Escaped(&text).to_string();
            prop_assert!(!safe.contains(['<', '>', '"', '\'']));
            prop_assert!(safe.split('&').skip(1).all(|rest| ["amp;", "lt;", "gt;", "quot;", "#39;"].iter().any(|e| rest.starts_with(e))));
        }
    }

    #[test]
    fn hostile_names_become_text() {
        assert_eq!(Escaped("<img src=x onerror='a()'>").to_string(), "&lt;img src=x onerror=&#39;a()&#39;&gt;");
        assert_eq!(Escaped("a\u{0}b\u{1b}c").to_string(), "a\u{fffd}b\u{fffd}c");
        assert_eq!(data_uri("image/png", b"\x89PNG"), "data:image/png;base64,iVBORw==");
    }
}
