//! Untrusted text inside our own sentences: one line, visible, capped, and nothing in it that a
//! terminal, a forge or a browser would make into markup, a link or a mention.

/// The longest piece of one value that is shown, in characters.
const MOST_CHARS: usize = 80;

/// An untrusted name, escaped and cut.
pub(crate) fn shown(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars().take(MOST_CHARS) {
        push_visible(&mut shown, c);
    }
    if text.chars().nth(MOST_CHARS).is_some() {
        shown.push('…');
    }
    shown
}

/// Appends a sentence that may quote an agent. Control and invisible characters become escapes;
/// what would begin a tag, a link, a code span, a mention or a reference is broken.
pub(crate) fn push_safe(out: &mut String, sentence: &str) {
    // Nearly every sentence is plain: one pass over its bytes and one copy.
    let bytes = sentence.as_bytes();
    let harmless = |(index, byte): (usize, &u8)| match byte {
        b'@' | b'<' | b'>' | b'`' | b']' | b'#' | b'!' => false,
        b':' => bytes.get(index + 1) == Some(&b' '),
        b'w' | b'W' => bytes.get(index + 1) != Some(byte),
        byte => (0x20..0x7f).contains(byte),
    };
    if bytes.iter().enumerate().all(harmless) {
        out.push_str(sentence);
        return;
    }
    let mut rest = sentence.chars().peekable();
    let mut before = [' '; 3];
    while let Some(c) = rest.next() {
        let next = rest.peek().copied().unwrap_or(' ');
        let [.., last] = before;
        match c {
            '`' => out.push('\''),
            '@' | '<' | '>' => push_code(out, c),
            ':' if matches!(next, '/' | '\\') || last == ']' => push_code(out, c),
            '(' | '[' if last == ']' => push_code(out, c),
            '#' if next.is_ascii_alphanumeric() => push_code(out, c),
            '!' if next == '[' => push_code(out, c),
            '.' if before.iter().all(|c| c.eq_ignore_ascii_case(&'w')) => push_code(out, c),
            _ => push_visible(out, c),
        }
        let [_, second, third] = before;
        before = [second, third, c];
    }
}

/// An untrusted text as Markdown that shows exactly itself: a code span that nothing in it can end.
pub fn code_span(text: &str) -> String {
    let mut span = String::with_capacity(text.len() + 2);
    span.push('`');
    push_safe(&mut span, text);
    span.push('`');
    span
}

fn push_visible(out: &mut String, c: char) {
    match c {
        '\\' | '"' | '\'' => out.push(c),
        _ => out.extend(c.escape_debug()),
    }
}

fn push_code(out: &mut String, c: char) {
    out.extend(c.escape_unicode());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn safe(text: &str) -> String {
        let mut out = String::new();
        push_safe(&mut out, text);
        out
    }

    #[test]
    fn our_own_sentences_pass_unchanged() {
        for sentence in [
            "+40.00 environment: live (targets/rsi-eurusd.yaml): counts as production",
            "disables a safety control: stop_loss_enabled",
            "changes: [1, 2], {a: \"b\"}",
            "größer → 5 %",
        ] {
            assert_eq!(safe(sentence), sentence);
        }
    }

    #[test]
    fn nothing_that_means_something_elsewhere_survives() {
        for attack in [
            "@admin approve",
            "<img src=x onerror=alert(1)>",
            "<!-- hidden",
            "`code`",
            "```\nfence",
            "[x](https://evil.example)",
            "[x][1]",
            "[1]: https://evil.example",
            "![x](y)",
            "https://evil.example",
            "HTTP://EVIL.EXAMPLE",
            "www.evil.example",
            "a@b.example",
            "fixes #12",
            "org/repo#12",
            "line\nbreak",
            "line\rbreak",
            "\u{1b}[31mred",
            "\u{202e}abc",
            "zero\u{200b}width",
            "\u{2028}",
            "null\u{0}",
            "file:///etc/passwd",
            "#deadbeef",
        ] {
            let shown = safe(attack);
            for forbidden in [
                "@", "<", ">", "`", "](", "][", "]:", "://", "www.", "![", "\n", "\r", "#1", "#d",
            ] {
                assert!(!shown.contains(forbidden), "{attack:?} became {shown}");
            }
            assert!(
                shown.chars().all(|c| (' '..='~').contains(&c)),
                "{attack:?} became {shown}"
            );
        }
    }

    #[test]
    fn a_name_is_cut_and_its_invisible_parts_are_shown() {
        assert_eq!(shown("a\u{202e}b\n"), "a\\u{202e}b\\n");
        assert_eq!(shown(&"x".repeat(200)), format!("{}…", "x".repeat(80)));
    }
}
