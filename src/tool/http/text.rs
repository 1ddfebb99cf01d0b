//! Whether an answer is text, and which: its media type and its characters.

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};
use reqwest::header::HeaderValue;

/// How far into a page its own word about its characters may stand (the HTML standard, 13.2.3.2).
const PRESCAN: usize = 1024;

/// How far into a body is looked for bytes that no text has: as far as git looks.
const SNIFFED: usize = 8000;

/// Subtypes of `application/` that are text.
const TEXTS: [&str; 9] = [
    "json",
    "ndjson",
    "xml",
    "yaml",
    "x-yaml",
    "toml",
    "javascript",
    "x-sh",
    "graphql",
];

/// What an answer says it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Media {
    /// Type and subtype in lower case; `text/plain` when nothing is said.
    pub(super) essence: String,
    /// The label of its characters.
    charset: Option<String>,
}

impl Media {
    /// Reads `content-type`.
    pub(super) fn of(header: Option<&HeaderValue>) -> Self {
        let text = header.map(|value| String::from_utf8_lossy(value.as_bytes()));
        let mut parts = text.as_deref().unwrap_or_default().split(';');
        let essence = parts.next().unwrap_or_default().trim().to_ascii_lowercase();
        let charset = parts.find_map(|part| {
            let (name, value) = part.split_once('=')?;
            let named = name.trim().eq_ignore_ascii_case("charset");
            named.then(|| value.trim().trim_matches('"').to_owned())
        });
        Self {
            essence: if essence.is_empty() {
                "text/plain".to_owned()
            } else {
                essence
            },
            charset,
        }
    }

    /// Whether it is one of the listed media types (`text/*` lists all of a kind), or any text when
    /// none is listed.
    pub(super) fn is_accepted(&self, accept: &[String]) -> bool {
        if accept.is_empty() {
            return self.is_text();
        }
        accept.iter().any(|listed| {
            let listed = listed.to_ascii_lowercase();
            match listed.strip_suffix('*') {
                Some("*/") => true,
                Some(kind) if kind.ends_with('/') => self.essence.starts_with(kind),
                _ => listed == self.essence,
            }
        })
    }

    fn is_text(&self) -> bool {
        match self.essence.split_once('/') {
            Some(("text", _)) => true,
            Some(("application", sub)) => {
                let base = sub.rsplit('+').next().unwrap_or(sub);
                TEXTS.contains(&base)
            }
            _ => false,
        }
    }

    /// Whether it is a page.
    pub(super) fn is_html(&self) -> bool {
        ["text/html", "application/xhtml+xml"].contains(&self.essence.as_str())
    }

    /// The text of a body; nothing when it is none, whatever its media type says.
    pub(super) fn decode(&self, body: &[u8]) -> Option<String> {
        let encoding = self.encoding(body);
        let wide = encoding == UTF_16LE || encoding == UTF_16BE;
        if !wide && body.iter().take(SNIFFED).any(|byte| is_binary(*byte)) {
            return None;
        }
        Some(encoding.decode(body).0.into_owned())
    }

    /// A byte order mark counts before the header, and the header before the page.
    fn encoding(&self, body: &[u8]) -> &'static Encoding {
        let marked = Encoding::for_bom(body).map(|(encoding, _)| encoding);
        let said = || Encoding::for_label(self.charset.as_ref()?.as_bytes());
        let own = || self.is_html().then(|| own_word(body)).flatten();
        marked.or_else(said).or_else(own).unwrap_or(UTF_8)
    }
}

/// Whether a byte is one that no text has (the MIME Sniffing standard, "binary data byte").
fn is_binary(byte: u8) -> bool {
    matches!(byte, 0x00..=0x08 | 0x0b | 0x0e..=0x1a | 0x1c..=0x1f)
}

/// What a page says of its own characters in `<meta charset=…>` or `<meta … content="…; charset=…">`.
fn own_word(body: &[u8]) -> Option<&'static Encoding> {
    let start = body.get(..PRESCAN).unwrap_or(body);
    let start = String::from_utf8_lossy(start).to_ascii_lowercase();
    let encoding = start.split("<meta").skip(1).find_map(|tag| {
        let (tag, _) = tag.split_once('>')?;
        let (_, label) = tag.split_once("charset")?;
        let label = label.trim_start().strip_prefix('=')?;
        let label = label.trim_start_matches([' ', '"', '\'']);
        let label = label.split([' ', '"', '\'', ';', '/']).next()?;
        Encoding::for_label(label.as_bytes())
    })?;
    // It was read as ASCII, so it cannot be what it says.
    let wide = encoding == UTF_16LE || encoding == UTF_16BE;
    Some(if wide { UTF_8 } else { encoding })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn media(header: &str) -> Media {
        Media::of(Some(&HeaderValue::from_str(header).unwrap()))
    }

    #[test]
    fn texts_are_told_from_everything_else() {
        let is_text = |header: &&str| media(header).is_accepted(&[]);
        let texts = [
            "text/html; charset=utf-8",
            "TEXT/Plain",
            "text/markdown",
            "application/json",
            "application/problem+json",
            "application/vnd.oci.image.manifest.v1+json",
            "application/xhtml+xml",
            "application/x-yaml",
            "application/vnd.x+yaml",
            "",
        ];
        let others = [
            "image/png",
            "image/svg+xml",
            "application/pdf",
            "application/octet-stream",
            "application/gzip",
            "application/zip+x",
            "multipart/form-data",
            "video/mp4",
            "html",
        ];
        assert!(texts.iter().all(is_text));
        assert!(!others.iter().any(is_text));
        assert!(Media::of(None).is_accepted(&[]));
    }

    #[test]
    fn a_tool_that_lists_media_types_gets_no_other() {
        let accepts = |listed: &[&str], header: &str| {
            let listed: Vec<String> = listed.iter().map(ToString::to_string).collect();
            media(header).is_accepted(&listed)
        };
        assert!(accepts(&["text/html"], "Text/HTML; charset=x"));
        assert!(!accepts(&["text/html"], "text/plain"));
        assert!(accepts(&["application/json", "text/*"], "text/plain"));
        assert!(!accepts(&["text/*"], "application/json"));
        assert!(!accepts(&["text/*"], "textual/json"));
        assert!(accepts(&["*/*"], "application/octet-stream"));
        assert!(accepts(
            &["application/octet-stream"],
            "application/octet-stream"
        ));
    }

    #[test]
    fn characters_are_those_of_the_mark_the_header_or_the_page() {
        let text = |header: &str, body: &[u8]| media(header).decode(body);
        let said = |text: &str| Some(text.to_owned());
        assert_eq!(text("text/plain", "é€".as_bytes()), said("é€"));
        assert_eq!(
            text("text/plain; charset=\"latin1\"", b"\xe9\x80"),
            said("é€")
        );
        assert_eq!(
            text("text/plain; x=y; Charset=shift_jis", b"\x93\xfa"),
            said("日")
        );
        assert_eq!(text("text/plain; charset=nonsense", b"\xc3\xa9"), said("é"));
        assert_eq!(
            text("text/plain; charset=latin1", b"\xef\xbb\xbf\xc3\xa9"),
            said("é")
        );
        assert_eq!(text("text/plain", b"\xff\xfea\0"), said("a"));
        assert_eq!(text("text/plain; charset=utf-16be", b"\0a"), said("a"));
        assert_eq!(text("text/plain", b"a\xff"), said("a\u{fffd}"));
        for page in [
            "<html><META charset=windows-1252>",
            "<meta http-equiv=content-type content='text/html; charset=iso-8859-1'>",
            "<meta name=x content=y><meta charset = \"latin1\" />",
        ] {
            let body = [page.as_bytes(), b"\xe9"].concat();
            assert_eq!(text("text/html", &body), said(&format!("{page}é")));
            assert_eq!(text("text/plain", &body), said(&format!("{page}\u{fffd}")));
        }
        let page = "<meta charset=utf-16>é";
        assert_eq!(text("text/html", page.as_bytes()), said(page));
    }

    #[test]
    fn what_holds_bytes_of_no_text_is_none_whatever_it_says() {
        assert_eq!(media("text/plain").decode(b"PK\x03\x04\0"), None);
        assert_eq!(
            media("text/html; charset=latin1").decode(b"\x89PNG\0"),
            None
        );
        assert_eq!(media("text/plain").decode(b"%PDF-1.7\n%\xe2\xe3\x02"), None);
        // What terminals and printers obey is taken out later.
        let text = b"a\tb\r\n\x0c\x1b[31mc";
        assert!(media("text/plain").decode(text).is_some());
    }
}
