//! Links and headings of a Markdown page.

/// Where a link leads to.
pub(crate) struct Link {
    pub(crate) line: usize,
    pub(crate) to: String,
}

/// Every link and picture, outside of blocks of code.
pub(crate) fn links(page: &str) -> Vec<Link> {
    let mut links = Vec::new();
    for (line, text) in prose(page) {
        for part in text.split("](").skip(1) {
            let to = part.split([')', ' ']).next().unwrap_or_default();
            links.push(Link { line, to: to.to_owned() });
        }
    }
    links
}

/// What every heading can be linked by: its words in lower case, joined by hyphens.
pub(crate) fn anchors(page: &str) -> impl Iterator<Item = String> {
    let headings = prose(page).filter(|(_, line)| line.starts_with('#'));
    headings.map(|(_, line)| {
        let title = line.trim_start_matches('#').trim().to_lowercase();
        let kept = title.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    })
}

/// The lines that are not in a block of code, with their numbers.
fn prose(page: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut is_code = false;
    page.lines().enumerate().map(|(index, line)| (index + 1, line)).filter(move |(_, line)| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        !is_code && !is_fence
    })
}
