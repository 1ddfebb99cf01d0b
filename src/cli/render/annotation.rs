//! One annotation as GitHub Actions reads it from a log, which Gitea Actions does too:
//! `::error file=…,line=…::message`, escaped as its toolkit does (`@actions/core`, `command.ts`).

use std::fmt;

use crate::diagnostic::{Place, Severity};

/// One workflow command.
#[derive(Debug)]
pub(crate) struct Annotation<'a> {
    pub(crate) severity: Severity,
    /// The file as the repository names it, and the stretch in it.
    pub(crate) at: (String, &'a Place),
    pub(crate) title: &'a str,
    pub(crate) message: String,
}

impl fmt::Display for Annotation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let command = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Info => "notice",
        };
        let (file, place) = &self.at;
        write!(f, "::{command} file={}", property(file))?;
        let (start, mut end) = (place.start, place.end);
        if end.column == 1 && end.line > start.line {
            // The end is the beginning of the line behind: the last line that belongs is before it.
            end.line -= 1;
        }
        write!(f, ",line={},endLine={}", start.line, end.line)?;
        // Columns mean something on one line only, and a whole file has none.
        if start.line == place.end.line && place.bytes != (0..0) {
            write!(f, ",col={},endColumn={}", start.column, end.column)?;
        }
        write!(
            f,
            ",title={}::{}",
            property(self.title),
            data(&self.message)
        )
    }
}

fn data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Source;

    fn at(bytes: std::ops::Range<usize>) -> String {
        let source = Source::new("a,b:c.yaml", "one: 1\ntwo: |\n  x\n  y\nthree: 3\n");
        let place = source.place(bytes);
        let annotation = Annotation {
            severity: Severity::Warning,
            at: (source.name().to_string(), &place),
            title: "a-code",
            message: "100 % of\r\n::error::this".to_owned(),
        };
        annotation.to_string()
    }

    #[test]
    fn nothing_in_a_message_or_a_name_begins_another_command_or_property() {
        assert_eq!(
            at(0..3),
            "::warning file=a%2Cb%3Ac.yaml,line=1,endLine=1,col=1,endColumn=4,title=a-code\
             ::100 %25 of%0D%0A::error::this"
        );
    }

    #[test]
    fn a_stretch_of_several_lines_ends_on_its_last_line_and_has_no_columns() {
        assert!(
            at(7..22).contains(",line=2,endLine=4,title="),
            "{}",
            at(7..22)
        );
        assert!(
            at(0..0).contains(",line=1,endLine=1,title="),
            "{}",
            at(0..0)
        );
    }
}
