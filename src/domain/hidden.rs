//! Characters that a reader does not see, or that change how the others are seen: wherever a text of
//! somebody else is shown, they must not pass as they are.

/// Whether a character is invisible or moves the others around, line breaks included.
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || is_bidirectional(c)
        || matches!(c,
            '\u{ad}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}' | '\u{2029}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Whether a character turns the direction of a text around.
pub const fn is_bidirectional(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
