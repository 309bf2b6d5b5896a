//! Reads source files as far as the rules need: code apart from comments, strings and tests; imports; lines.

use std::fs;
use std::path::Path;

/// A file of text, by its path from the root of the repository.
pub(crate) struct Text {
    pub(crate) path: String,
    pub(crate) text: String,
}

/// A file of Rust.
pub(crate) struct Source {
    pub(crate) path: String,
    pub(crate) text: String,
    /// The text with spaces in the place of comments, strings and characters: lines are where they were.
    pub(crate) code: String,
}

/// A path in the code that begins at the root of the crate.
#[derive(Debug, PartialEq)]
pub(crate) struct Import {
    pub(crate) line: usize,
    pub(crate) room: String,
}

/// Every Rust file below `folder`, none if there is no such folder.
pub(crate) fn sources(folder: &str) -> Vec<Source> {
    let is_ours = |text: &Text| text.path.starts_with(&format!("{folder}/")) && text.path.ends_with(".rs");
    texts().into_iter().filter(is_ours).map(|text| Source::new(text.path, text.text)).collect()
}

/// Every file that people write: Rust, Python, Markdown, settings.
pub(crate) fn texts() -> Vec<Text> {
    let mut texts = Vec::new();
    walk(Path::new(env!("CARGO_MANIFEST_DIR")), "", &mut texts);
    assert!(texts.iter().any(|text| text.path == "src/lib.rs"), "the test reads the repository");
    texts
}

fn walk(folder: &Path, path: &str, texts: &mut Vec<Text>) {
    for entry in fs::read_dir(folder).expect("a folder can be listed") {
        let entry = entry.expect("a folder can be listed");
        let name = entry.file_name().into_string().expect("our files have names in UTF-8");
        let is_hidden = name.starts_with('.') || name == "target" || name == "__pycache__";
        let path = if path.is_empty() { name.clone() } else { format!("{path}/{name}") };
        if entry.path().is_dir() && !is_hidden {
            walk(&entry.path(), &path, texts);
        } else if [".rs", ".py", ".md", ".toml"].iter().any(|end| name.ends_with(end)) {
            let text = fs::read_to_string(entry.path()).unwrap_or_else(|error| panic!("{path}: {error}"));
            texts.push(Text { path, text });
        }
    }
}

impl Source {
    pub(crate) fn new(path: String, text: String) -> Self {
        let code = code_of(&text);
        Self { path, text, code }
    }

    /// The room that the file belongs to: `net` for `src/net/clock.rs`, `config` for `src/config.rs`.
    pub(crate) fn room(&self) -> String {
        let inside = self.path.trim_start_matches("src/");
        inside.split('/').next().unwrap_or_default().trim_end_matches(".rs").to_owned()
    }

    /// Every path from the root of the crate outside of tests, be it in a `use` or in the midst of an
    /// expression, written as `crate::`, as enough `super::`, or, in the binary, by the name of the library.
    pub(crate) fn imports(&self) -> Vec<Import> {
        let code = without_tests(&self.code);
        let supers = "super::".repeat(self.depth());
        let roots = ["crate::", "tickcast::", &supers];
        let mut imports = Vec::new();
        for root in roots.into_iter().filter(|root| !root.is_empty()) {
            for (at, _) in code.match_indices(root) {
                if is_start(&code, at) {
                    let line = line_of(&code, at);
                    let rooms = first_names(&code[at + root.len()..]);
                    imports.extend(rooms.into_iter().map(|room| Import { line, room }));
                }
            }
        }
        imports
    }

    /// How many `super::` lead from the file to the root of the crate.
    fn depth(&self) -> usize {
        let folders = self.path.trim_start_matches("src/").matches('/').count();
        if self.path.ends_with("/mod.rs") { folders } else { folders + 1 }
    }

    /// The lines that name a crate: in a path, in a `use`, or as an attribute.
    pub(crate) fn names(&self, name: &str) -> Vec<usize> {
        let is_named = |at: &usize| {
            let (before, behind) = (self.code[..*at].trim_end(), &self.code[at + name.len()..]);
            let in_use =
                before.ends_with("use") || before.ends_with("extern crate") || before.ends_with("#[");
            is_word(&self.code, *at, name.len())
                && is_start(&self.code, *at)
                && (in_use || behind.starts_with("::"))
        };
        let at = self.code.match_indices(name).map(|(at, _)| at).filter(is_named);
        at.map(|at| line_of(&self.code, at)).collect()
    }

    /// The lines of `allow` and `expect` attributes that do not say why.
    pub(crate) fn lint_exceptions_without_reason(&self) -> Vec<usize> {
        let starts = ["#[allow(", "#![allow(", "#[expect(", "#![expect("];
        let at = starts.iter().flat_map(|start| self.code.match_indices(start));
        let is_bare = |at: &usize| {
            let attribute = self.code[*at..].split(']').next().unwrap_or_default();
            !attribute.contains("reason")
        };
        at.map(|(at, _)| at).filter(is_bare).map(|at| line_of(&self.code, at)).collect()
    }
}

/// The line of a place in a text, from 1.
pub(crate) fn line_of(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

/// Whether the name at this place is a whole word.
pub(crate) fn is_word(text: &str, at: usize, length: usize) -> bool {
    !text[..at].ends_with(is_name) && !text[at + length..].starts_with(is_name)
}

/// Whether a path begins here, rather than goes on.
fn is_start(code: &str, at: usize) -> bool {
    !code[..at].ends_with(|c: char| is_name(c) || c == ':')
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The names that a path goes on with: one, or those of a group in braces.
fn first_names(path: &str) -> Vec<String> {
    let name = |text: &str| text.chars().take_while(|c| is_name(*c)).collect::<String>();
    let Some(group) = path.strip_prefix('{') else { return vec![name(path)] };
    let (mut depth, mut names, mut is_first) = (1, Vec::new(), true);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => is_first = true,
            c if is_name(c) && is_first && depth == 1 => {
                names.push(name(&group[at..]));
                is_first = false;
            }
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    names
}

/// `text` with spaces in the place of comments, strings and characters.
fn code_of(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let is_fresh = !code.ends_with(is_name);
        let blank = blank_length(rest, is_fresh);
        let length = if blank == 0 { next.len_utf8() } else { blank };
        let (piece, behind) = rest.split_at(length);
        match blank {
            0 => code.push_str(piece),
            _ => code.extend(piece.bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' })),
        }
        rest = behind;
    }
    code
}

/// How long the comment, string or character is that `rest` begins with; 0 if it begins with neither.
fn blank_length(rest: &str, is_fresh: bool) -> usize {
    let up_to = |end: Option<usize>| end.unwrap_or(rest.len());
    if rest.starts_with("//") {
        return up_to(rest.find('\n'));
    }
    if rest.starts_with("/*") {
        return block_comment_length(rest);
    }
    if let Some(behind) = rest.strip_prefix('"') {
        return 1 + quoted_length(behind, '"');
    }
    if let Some(hashes) = raw_string_hashes(rest).filter(|_| is_fresh) {
        let end = format!("\"{}", "#".repeat(hashes));
        let start = rest.find('"').unwrap_or(0) + 1;
        return up_to(rest[start..].find(&end).map(|at| start + at + end.len()));
    }
    if rest.starts_with("'\\") {
        return 1 + quoted_length(&rest[1..], '\'');
    }
    match rest.char_indices().nth(2) {
        Some((at, '\'')) if rest.starts_with('\'') => at + 1,
        _ => 0,
    }
}

fn block_comment_length(rest: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        match &rest.as_bytes()[at..rest.len().min(at + 2)] {
            b"/*" => (depth, at) = (depth + 1, at + 2),
            b"*/" if depth == 1 => return at + 2,
            b"*/" => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
    }
    rest.len()
}

/// The length up to and with the end of what is quoted, minding escapes.
fn quoted_length(rest: &str, quote: char) -> usize {
    let mut is_escaped = false;
    for (at, c) in rest.char_indices() {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            c if c == quote => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// How many hashes the raw string has that `rest` begins with.
fn raw_string_hashes(rest: &str) -> Option<usize> {
    let behind = rest.strip_prefix("br").or_else(|| rest.strip_prefix('r'))?;
    let hashes = behind.bytes().take_while(|byte| *byte == b'#').count();
    behind[hashes..].starts_with('"').then_some(hashes)
}

/// `code` with spaces in the place of everything that is compiled for tests only.
fn without_tests(code: &str) -> String {
    let mut kept = code.to_owned();
    while let Some(at) = kept.find("#[cfg(test)]") {
        let item = &kept[at..];
        let end = match item.find(['{', ';']) {
            Some(open) if item[open..].starts_with('{') => open + braces_length(&item[open..]),
            Some(semicolon) => semicolon + 1,
            None => item.len(),
        };
        let blank: String = item[..end].chars().map(|c| if c == '\n' { '\n' } else { ' ' }).collect();
        kept.replace_range(at..at + end, &blank);
    }
    kept
}

fn braces_length(code: &str) -> usize {
    let mut depth = 0;
    for (at, c) in code.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 1 => return at + 1,
            '}' => depth -= 1,
            _ => {}
        }
    }
    code.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn imports(path: &str, text: &str) -> Vec<(usize, String)> {
        let imports = Source::new(path.into(), text.into()).imports();
        imports.into_iter().map(|import| (import.line, import.room)).collect()
    }

    #[test]
    fn an_import_is_seen_wherever_it_stands() {
        let text = "use crate::wire::{self, Ack};\nuse crate::{\n    gate::Gate, world::{World, space},\n};\n\
                    fn f() { crate::net::clock(); super::super::server::go(); super::own(); $crate::load::x }\n";
        let rooms = ["wire", "gate", "world", "net", "load", "server"].map(String::from);
        let lines = [1, 2, 2, 5, 5, 5];
        let expected: Vec<_> = lines.into_iter().zip(rooms).collect();
        assert_eq!(imports("src/client/known.rs", text), expected);
        assert_eq!(imports("src/main.rs", "tickcast::cli::run()"), [(1, "cli".into())]);
    }

    #[test]
    fn comments_strings_and_tests_import_nothing() {
        let text = "//! [crate::net]\n/* crate::net /* */ crate::net */ const S: &str = \"crate::net \\\" crate::net\";\n\
                    const R: &str = r#\"crate::net\"#; const C: [char; 2] = ['\"', '\\''];\n\
                    fn f<'a>(a: &'a str) {}\n#[cfg(test)]\nmod tests { use crate::net; fn g() { {} } }\n\
                    #[cfg(test)]\nuse crate::net::x;\nuse crate::wire;";
        assert_eq!(imports("src/client/mod.rs", text), [(9, "wire".into())]);
    }

    #[test]
    fn a_crate_is_named_in_paths_uses_and_attributes() {
        let names = |text: &str| Source::new("src/x.rs".into(), text.into()).names("toml");
        assert_eq!(
            names("let toml = my::toml::x;\nuse toml;\ntoml::from_str(\"toml::\");\n#[toml(x)]"),
            [2, 3, 4]
        );
    }

    #[test]
    fn an_exception_without_a_reason_is_found() {
        let text = "#[allow(dead_code)]\n#[expect(\n    unused,\n    reason = \"because\"\n)]\n#![allow(x, reason = \"y\")]";
        assert_eq!(Source::new("src/x.rs".into(), text.into()).lint_exceptions_without_reason(), [1]);
    }
}
