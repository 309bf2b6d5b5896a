//! A strict reader of the text format of OpenMetrics 1.0: whatever it would have to forgive fails the test.

use std::collections::BTreeMap;

/// A metric with all its samples.
#[derive(Debug)]
pub(crate) struct Family {
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) help: String,
    /// By what stands behind the family's name, and by label: `("_total", "reason=\"length\"")`.
    pub(crate) samples: BTreeMap<(String, String), f64>,
}

/// Everything that an answer of `/metrics` told, by the names of the families.
#[derive(Debug)]
pub(crate) struct Exposition(pub(crate) BTreeMap<String, Family>);

impl Exposition {
    /// Fails at the first line that is not as it must be.
    pub(crate) fn read(text: &str) -> Self {
        let text = text.strip_suffix("# EOF\n").expect("an end");
        let (mut families, mut open) = (BTreeMap::new(), None);
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                close(&mut families, open.take());
                open = Some(begin(rest));
            } else if let Some(rest) = line.strip_prefix("# TYPE ") {
                let family = open.as_mut().expect("the help comes first");
                let (name, kind) = rest.split_once(' ').expect("a name and a type");
                assert!(name == family.name && family.kind.is_empty() && family.samples.is_empty(), "{line}");
                family.kind = kind.to_owned();
            } else {
                sample(open.as_mut().expect("a family comes first"), line);
            }
        }
        close(&mut families, open);
        Self(families)
    }

    /// The value of a sample without labels, by its whole name.
    pub(crate) fn value(&self, name: &str) -> f64 {
        self.labelled(name, "")
    }

    pub(crate) fn labelled(&self, name: &str, label: &str) -> f64 {
        let of = |family: &Family| {
            let suffix = name.strip_prefix(family.name.as_str())?;
            family.samples.get(&(suffix.to_owned(), label.to_owned())).copied()
        };
        self.0.values().find_map(of).unwrap_or_else(|| panic!("there is no {name}{{{label}}}"))
    }
}

fn begin(rest: &str) -> Family {
    let (name, help) = rest.split_once(' ').expect("a name and its help");
    assert!(help.starts_with(char::is_uppercase), "{help}");
    assert!(is_name(name), "{name}");
    Family { name: name.to_owned(), kind: String::new(), help: help.to_owned(), samples: BTreeMap::new() }
}

fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

fn sample(family: &mut Family, line: &str) {
    let (series, value) = line.rsplit_once(' ').expect("a series and its value");
    let value: f64 = value.parse().expect("a number");
    let (name, labels) = match series.split_once('{') {
        Some((name, labels)) => (name, labels.strip_suffix('}').expect("the brace is closed")),
        None => (series, ""),
    };
    let suffix = name.strip_prefix(family.name.as_str()).expect("samples stand with their family");
    if !labels.is_empty() {
        let (label, quoted) = labels.split_once('=').expect("a label and its value");
        let text = quoted.strip_prefix('"').and_then(|text| text.strip_suffix('"')).expect("in quotes");
        assert!(is_name(label) && !text.contains(['"', '\\', '\n']), "one plain label: {line}");
    }
    let before = family.samples.insert((suffix.to_owned(), labels.to_owned()), value);
    assert!(before.is_none() && value.is_finite() && value >= 0.0, "{line}");
    let is_right = match family.kind.as_str() {
        "counter" => suffix == "_total",
        "gauge" => suffix.is_empty(),
        "info" => suffix == "_info" && value == 1.0,
        "histogram" => ["_sum", "_count", "_bucket"].contains(&suffix),
        other => panic!("no type is called {other}"),
    };
    assert!(is_right, "a {} says: {line}", family.kind);
    if let Some(bound) = labels.strip_prefix("le=") {
        check_bucket(family, bound, value);
    }
}

/// Buckets come in order, and each holds those before.
fn check_bucket(family: &Family, bound: &str, value: f64) {
    let bound_of =
        |label: &str| label.trim_start_matches("le=").trim_matches('"').parse::<f64>().expect("a bound");
    let bound = bound_of(bound);
    for ((suffix, label), count) in &family.samples {
        if suffix == "_bucket" && bound_of(label) != bound {
            assert!(bound_of(label) < bound && *count <= value, "{}: {bound}", family.name);
        }
    }
}

fn close(families: &mut BTreeMap<String, Family>, family: Option<Family>) {
    let Some(family) = family else { return };
    assert!(!family.samples.is_empty(), "{} says nothing", family.name);
    let of = |suffix: &str, label: &str| family.samples.get(&(suffix.to_owned(), label.to_owned())).copied();
    if family.kind == "histogram" {
        let (all, count) = (of("_bucket", "le=\"+Inf\""), of("_count", ""));
        assert!(all.is_some() && all == count && of("_sum", "").is_some(), "{family:?}");
    }
    let before = families.insert(family.name.clone(), family);
    assert!(before.is_none(), "a family comes once: {before:?}");
}
