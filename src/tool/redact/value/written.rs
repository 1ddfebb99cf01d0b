//! The forms of one value: what programs and libraries make of a text when they quote, escape or
//! encode it. A value of letters and digits has few, as most of them leave those as they are.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

use crate::tool::clean::clean;

/// Lines of a value that count by themselves, in characters: a key is often written indented.
const LINE_CHARS: usize = 16;

/// A value of up to so many bytes is looked for in every form, a longer one as it is, in JSON, in
/// Base64 and in hexadecimal digits: it is a key or a file, which nobody puts into an address.
pub(in super::super) const FULL_BYTES: usize = 1024;

/// The forms of a value that is long enough to be looked for anywhere.
pub(in super::super) fn written(value: &str) -> Vec<String> {
    let trimmed = value.trim();
    let cleaned = clean(trimmed.as_bytes().to_vec());
    let mut forms = vec![json(trimmed), json(&cleaned)];
    for value in [value, trimmed] {
        forms.extend(base64(value));
        forms.extend(hex(value));
    }
    if trimmed.len() <= FULL_BYTES {
        forms.extend(escaped(trimmed));
        forms.extend(entities(trimmed));
        forms.extend(addresses(trimmed));
        forms.extend(base32(trimmed));
        // In a shell's quotes, of `set -x` and of Python's `shlex`, and in those of YAML and SQL.
        forms.extend([r"'\''", r#"'"'"'"#, "''"].map(|quote| trimmed.replace('\'', quote)));
    }
    let lines = cleaned.lines().map(str::trim);
    let lines = lines.filter(|line| line.chars().count() >= LINE_CHARS);
    forms.extend(lines.map(str::to_owned));
    forms.push(cleaned);
    forms
}

/// As it stands between the quotes of a JSON string.
fn json(value: &str) -> String {
    let quoted = serde_json::Value::from(value).to_string();
    let inner = quoted.strip_prefix('"').and_then(|it| it.strip_suffix('"'));
    inner.unwrap_or(&quoted).to_owned()
}

/// What stands for a character after a backslash.
#[derive(Clone, Copy)]
enum Foreign {
    /// `\u00e4`, two of them where one does not suffice.
    Utf16,
    /// The same in capitals.
    Utf16Upper,
    /// `\u00e4`, or `\U0001f600`.
    Code,
    /// `\u{e4}`.
    Braces,
    /// `\xc3\xa4`, each byte.
    Bytes,
    /// `\303\244`, each byte.
    Octal,
    /// `\xe4`, which is what Python and Go make of control characters.
    Short,
}

/// As strings of programming languages, and the JSON that they make.
fn escaped(value: &str) -> impl Iterator<Item = String> {
    use Foreign::{Braces, Bytes, Code, Octal, Short, Utf16, Utf16Upper};
    // After a backslash as they are; as numbers; whether also what is not ASCII; how numbers are.
    let kinds = [
        ("\"", "", true, Utf16),            // Python's JSON
        ("\"/", "", true, Utf16),           // PHP's
        ("\"/", "", false, Utf16),          // PHP's with JSON_UNESCAPED_UNICODE
        ("\"", "<>&", false, Utf16),        // Go's
        ("\"", "<>&'=", false, Utf16),      // Gson
        ("", "\"&'+<>`", true, Utf16Upper), // .NET
        ("\"", "<>&", true, Utf16),         // Rails
        ("\"", "", false, Short),           // Go's %q, and Python where `'` stands in it
        ("\"", "", true, Code),             // Go's %+q
        ("'", "", false, Short),            // Python's repr
        ("", "", false, Short),             // the same of what holds the other quote only
        ("'", "", true, Bytes),             // Python's bytes
        ("", "", true, Bytes),
        ("\"", "", true, Bytes),            // C, and Go's %q of bytes
        ("\"", "", true, Octal),            // git
        ("\"", "", false, Braces),          // Rust
        ("\"'", "", true, Utf16),           // JavaScript
        ("\"'", "<>&=", false, Utf16Upper), // Go's templates
        ("\"@$", "", true, Octal),          // Perl
        (" \"'<>&?;*()$`|[]{}!^,", "", false, Octal), // Bash's %q
    ];
    kinds
        .into_iter()
        .map(move |(quoted, numbers, ascii, foreign)| {
            let mut text = String::with_capacity(value.len());
            for c in value.chars() {
                let named = match c {
                    '\\' => Some('\\'),
                    '\n' => Some('n'),
                    '\r' => Some('r'),
                    '\t' => Some('t'),
                    c if quoted.contains(c) => Some(c),
                    _ => None,
                };
                if let Some(named) = named {
                    text.extend(['\\', named]);
                } else if c.is_control() || numbers.contains(c) || (ascii && !c.is_ascii()) {
                    number(&mut text, c, foreign);
                } else {
                    text.push(c);
                }
            }
            text
        })
}

fn number(text: &mut String, c: char, foreign: Foreign) {
    let (mut units, mut bytes) = ([0; 2], [0; 4]);
    let (units, bytes) = (
        c.encode_utf16(&mut units),
        c.encode_utf8(&mut bytes).bytes(),
    );
    let code = u32::from(c);
    // Writing to a string cannot fail.
    let _ = match foreign {
        Foreign::Utf16 => units
            .iter()
            .try_for_each(|unit| write!(text, "\\u{unit:04x}")),
        Foreign::Utf16Upper => units
            .iter()
            .try_for_each(|unit| write!(text, "\\u{unit:04X}")),
        Foreign::Code if code > 0xffff => write!(text, "\\U{code:08x}"),
        Foreign::Code => write!(text, "\\u{code:04x}"),
        Foreign::Braces => write!(text, "\\u{{{code:x}}}"),
        Foreign::Octal => bytes
            .into_iter()
            .try_for_each(|byte| write!(text, "\\{byte:03o}")),
        Foreign::Bytes => bytes
            .into_iter()
            .try_for_each(|byte| write!(text, "\\x{byte:02x}")),
        Foreign::Short => write!(text, "\\x{code:02x}"),
    };
}

/// In HTML: what must be escaped there by name, quotes by name or number, and all that is no letter
/// and no digit by its number.
fn entities(value: &str) -> Vec<String> {
    let mut forms = Vec::new();
    let inner = value
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    for double in ["\"", "&quot;", "&#34;", "&#x22;"] {
        for single in ["'", "&#39;", "&#x27;", "&#039;", "&apos;"] {
            forms.push(inner.replace('"', double).replace('\'', single));
        }
    }
    let numbered = |number: fn(u32) -> String, all: bool| {
        let is_kept = |c: char| {
            if all {
                c.is_ascii_alphanumeric()
            } else {
                !"&<>\"'".contains(c)
            }
        };
        let each = value.chars().map(|c| {
            if is_kept(c) {
                c.to_string()
            } else {
                number(u32::from(c))
            }
        });
        each.collect::<String>()
    };
    for all in [true, false] {
        forms.push(numbered(|code| format!("&#{code};"), all));
        forms.push(numbered(|code| format!("&#x{code:x};"), all));
        forms.push(numbered(|code| format!("&#x{code:X};"), all));
    }
    forms
}

/// In an address (RFC 3986): what each part of one leaves as it is differs, and between libraries;
/// in a form, where a space is a plus sign; and with nothing left.
fn addresses(value: &str) -> impl Iterator<Item = String> {
    let left = [
        "-._~",                 // Go's and Python's queries
        "-._~/",                // Python's quote
        "-._* ",                // forms
        "-._~ ",                // Go's and Python's forms
        "-._~!*'()",            // JavaScript's encodeURIComponent
        "-._~!*'();,/?:@&=+$#", // its encodeURI
        "-._~$&+,;=",           // Go's user information
        "-._~!$&'()*+,;=",      // the RFC's
        "-._~!$&'()*+,;=:",
        "-._~$&+=:@",        // a segment of Go's paths
        "-._~$&+,/:;=@",     // its paths
        "-._~!$&'()*+,;=:@", // the RFC's
        "-._~!$&'()*+,;=:@/",
        "-._~!$&'()*+,;=:@/?",          // its query
        "-._~!$&'()*+,",                // browsers' user information
        r"-._~!$&'()*+,;=:@/?\#[]^{}|", // and what follows the path
    ];
    let left = left
        .into_iter()
        .flat_map(|left| [(left, true, true), (left, true, false)]);
    let nothing = [("", false, true), ("", false, false)];
    let percent = move |(left, letters, upper): (&str, bool, bool)| {
        value.bytes().fold(String::new(), |mut text, byte| {
            let is_left = byte != b' ' && left.as_bytes().contains(&byte);
            if (letters && byte.is_ascii_alphanumeric()) || is_left {
                text.push(char::from(byte));
            } else if byte == b' ' && left.ends_with(' ') {
                text.push('+');
            } else if upper {
                // Writing to a string cannot fail.
                let _ = write!(text, "%{byte:02X}");
            } else {
                let _ = write!(text, "%{byte:02x}");
            }
            text
        })
    };
    left.chain(nothing).map(percent)
}

/// In hexadecimal digits.
fn hex(value: &str) -> [String; 2] {
    let lower = crate::config::hex(value.as_bytes());
    [lower.to_uppercase(), lower]
}

/// The characters of Base64 that depend on nothing but the value, for each place where it can begin
/// in a longer text (`user:TOKEN`), in both alphabets.
fn base64(value: &str) -> impl Iterator<Item = String> {
    (0..3_usize).flat_map(move |before| {
        let mut bytes = vec![0; before];
        bytes.extend_from_slice(value.as_bytes());
        let (first, last) = ((before * 8).div_ceil(6), bytes.len() * 8 / 6);
        [
            STANDARD_NO_PAD.encode(&bytes),
            URL_SAFE_NO_PAD.encode(&bytes),
        ]
        .map(|text| text.get(first..last).unwrap_or_default().to_owned())
    })
}

/// The same of Base32 (RFC 4648), in both cases.
fn base32(value: &str) -> impl Iterator<Item = String> {
    (0..5_usize).flat_map(move |before| {
        // The bits of the value that fill a character of their own.
        let skipped = (before * 8).div_ceil(5) * 5 - before * 8;
        let bits = value
            .bytes()
            .flat_map(|byte| (0..8).rev().map(move |at| (byte >> at) & 1));
        let bits: Vec<u8> = bits.skip(skipped).collect();
        let characters =
            bits.chunks_exact(5)
                .map(|bits| match bits.iter().fold(0, |sum, bit| sum * 2 + bit) {
                    letter @ 0..26 => char::from(b'A' + letter),
                    digit => char::from(b'2' + digit - 26),
                });
        let upper: String = characters.collect();
        [upper.to_lowercase(), upper]
    })
}
