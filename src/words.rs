//! Numbers in words and messages.

/// `1 image`, `1,234 images`; `1 entry`, `2 entries`.
pub fn count(number: u64, one: &str) -> String {
    if one.ends_with("sh") && number != 1 {
        return format!("{} {one}es", grouped(number));
    }
    match one.strip_suffix('y').filter(|stem| number != 1 && !stem.ends_with(['a', 'e', 'o', 'u'])) {
        Some(stem) => format!("{} {stem}ies", grouped(number)),
        None => format!("{} {one}{}", grouped(number), if number == 1 { "" } else { "s" }),
    }
}

/// A whole number in groups of three.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_stand_in_groups_of_three() {
        assert_eq!([0, 999, 1000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn one_is_singular() {
        assert_eq!([0, 1, 2].map(|n| count(n, "image")), ["0 images", "1 image", "2 images"]);
        assert_eq!([1, 2].map(|n| count(n, "entry")), ["1 entry", "2 entries"]);
        assert_eq!([1, 2].map(|n| count(n, "copy")), ["1 copy", "2 copies"]);
        assert_eq!([1, 2].map(|n| count(n, "hash")), ["1 hash", "2 hashes"]);
        assert_eq!(count(2, "day"), "2 days");
    }

    /// What follows a number is its [`count`], or it is "1 copies" one day. Fractions, names of constants, templates of bars and
    /// what is always several are no numbers of things.
    #[test]
    fn no_number_stands_before_a_plural() {
        const PLURALS: &str = "alterations appearances bytes candidates captures catalogues copies days entries epochs faces \
            files finds hours identities images lines months others people photographs pictures plates pseudonyms records runs \
            scenes segments shares slots spellings stores symbols texts threads tries vehicles years";
        const SEVERAL: [&str; 3] = ["shares needed are good", "with_template(", "style(\""];
        let sources = walkdir::WalkDir::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src"));
        let (mut looked_at, mut found) = (0, Vec::new());
        for entry in sources.into_iter().map(|entry| entry.expect("a file")).filter(|entry| entry.file_type().is_file())
        {
            let path = entry.path().to_string_lossy().into_owned();
            let said = ["audit", "breach", "cli", "custody", "export", "impact", "pipeline", "report", "vault"];
            if path.contains("tests") || !said.iter().any(|folder| path.contains(&format!("/src/{folder}/"))) {
                continue;
            }
            looked_at += 1;
            let text = std::fs::read_to_string(&path).expect("read");
            for line in text.lines().filter(|line| !line.trim_start().starts_with("//")) {
                if SEVERAL.iter().any(|several| line.contains(several)) {
                    continue;
                }
                for (before, after) in line.match_indices("} ").map(|(at, _)| line.split_at(at + 2)) {
                    let argument = before[before.rfind('{').map_or(0, |at| at + 1)..].trim_end_matches("} ");
                    let number = !argument.contains(":.") && !argument.contains(char::is_uppercase);
                    let word = after.split(|c: char| !c.is_ascii_lowercase()).next().unwrap_or_default();
                    let plural = PLURALS.split_whitespace().any(|plural| plural == word);
                    found.extend((number && plural).then(|| format!("{path}: {}", line.trim())));
                }
            }
        }
        assert!(looked_at > 100 && found.is_empty(), "in {looked_at} files {found:#?}");
    }
}
