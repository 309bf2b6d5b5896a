//! The report as a picture: what a core is used for, and what a client costs, by the number of clients.

use std::fmt::Write as _;

use super::{CapacityReport, Search, Step, Verdict};

/// A panel and what is around it, in pixels.
const PANEL_WIDTH: f64 = 400.0;
const PANEL_HEIGHT: f64 = 260.0;
const LEFT: f64 = 64.0;
const TOP: f64 = 56.0;
const BOTTOM: f64 = 56.0;
const LEGEND_LINE: f64 = 18.0;

/// One colour for each rate, told apart also by those who see red and green alike: Okabe and Ito, 2008.
const COLOURS: [&str; 6] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"];

/// What a panel shows of a step.
type Figure = fn(&Step) -> Option<f64>;

/// What one panel shows.
struct Panel {
    title: &'static str,
    unit: &'static str,
    solid: Figure,
    dashed: Figure,
    /// The least that the axis reaches to.
    reach: f64,
}

const PANELS: [Panel; 2] = [
    Panel {
        title: "The server's core",
        unit: "% of a core",
        solid: |step| Some(step.core_share? * 100.0),
        dashed: |_| None,
        reach: 100.0,
    },
    Panel {
        title: "A client in a tick",
        unit: "µs of CPU (dashed: the floor)",
        solid: |step| step.cpu_us_per_client_tick,
        dashed: |step| step.floor_cpu_us_per_client_tick,
        reach: 1.0,
    },
];

/// The report as an SVG document. Filled points hold, empty ones do not.
pub fn svg(report: &CapacityReport) -> String {
    let width = PANELS.len() as f64 * (LEFT + PANEL_WIDTH) + 24.0;
    let height = TOP + PANEL_HEIGHT + BOTTOM + LEGEND_LINE * (report.rates.len() + 1) as f64;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
         height=\"{height}\" font-family=\"DejaVu Sans, Arial, sans-serif\" font-size=\"12\" fill=\"#222\">\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>\n"
    );
    text(&mut out, 16.0, 22.0, "start", &format!("tickcast {}: {}", report.version, place(report)));
    for (index, panel) in PANELS.iter().enumerate() {
        let left = LEFT + index as f64 * (LEFT + PANEL_WIDTH);
        draw(&mut out, left, panel, &report.rates);
    }
    legend(&mut out, &report.rates);
    out.push_str("</svg>\n");
    out
}

fn place(report: &CapacityReport) -> String {
    let processor = report.machine.processor.as_deref().unwrap_or("processor unknown");
    let encoding = format!("{:?}", report.encoding).to_lowercase();
    format!("{processor}, {encoding} snapshots, runs of {} s", report.duration_s)
}

fn draw(out: &mut String, left: f64, panel: &Panel, rates: &[Search]) {
    let steps = || rates.iter().flat_map(|search| &search.steps);
    let clients = || steps().map(|step| step.clients as f64);
    let x = Axis::logarithmic(clients().fold(f64::MAX, f64::min), clients().fold(1.0, f64::max), left);
    let figures = steps().flat_map(|step| [(panel.solid)(step), (panel.dashed)(step)]).flatten();
    let y = Axis::linear(figures.fold(panel.reach, f64::max));
    let (right, bottom) = (left + PANEL_WIDTH, TOP + PANEL_HEIGHT);
    text(out, left, TOP - 10.0, "start", &format!("{}, {}", panel.title, panel.unit));
    for (at, label) in y.marks() {
        line(out, [left, at, right, at], "#ddd");
        text(out, left - 6.0, at + 4.0, "end", &label);
    }
    for (at, label) in x.marks() {
        line(out, [at, bottom, at, bottom + 4.0], "#222");
        text(out, at, bottom + 18.0, "middle", &label);
    }
    line(out, [left, bottom, right, bottom], "#222");
    line(out, [left, TOP, left, bottom], "#222");
    text(out, left + PANEL_WIDTH / 2.0, bottom + 38.0, "middle", "clients");
    for (search, colour) in rates.iter().zip(COLOURS.iter().cycle()) {
        curve(out, search, panel.dashed, (&x, &y), colour, " stroke-dasharray=\"5 4\"");
        curve(out, search, panel.solid, (&x, &y), colour, "");
        points(out, search, panel.solid, (&x, &y), colour);
    }
}

fn places<'a>(
    search: &'a Search,
    figure: Figure,
    (x, y): (&'a Axis, &'a Axis),
) -> impl Iterator<Item = (f64, f64, &'a Step)> {
    let known = search.steps.iter().filter_map(move |step| Some((step, figure(step)?)));
    known.map(|(step, value)| (x.place(step.clients as f64), y.place(value), step))
}

fn curve(out: &mut String, search: &Search, figure: Figure, axes: (&Axis, &Axis), colour: &str, dash: &str) {
    let path: Vec<String> = places(search, figure, axes).map(|(x, y, _)| format!("{x:.1},{y:.1}")).collect();
    if !path.is_empty() {
        let path = path.join(" ");
        let _never_fails = writeln!(
            out,
            "<polyline points=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"{dash}/>"
        );
    }
}

fn points(out: &mut String, search: &Search, figure: Figure, axes: (&Axis, &Axis), colour: &str) {
    for (x, y, step) in places(search, figure, axes) {
        let fill = if step.verdict == Verdict::Holds { colour } else { "#fff" };
        let _never_fails = writeln!(
            out,
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\" fill=\"{fill}\" stroke=\"{colour}\" \
             stroke-width=\"2\"><title>{} clients: {}</title></circle>",
            step.clients,
            step.verdict.in_words()
        );
    }
}

fn legend(out: &mut String, rates: &[Search]) {
    let top = TOP + PANEL_HEIGHT + BOTTOM;
    for (index, (search, colour)) in rates.iter().zip(COLOURS.iter().cycle()).enumerate() {
        let y = top + LEGEND_LINE * index as f64;
        let _never_fails = writeln!(
            out,
            "<circle cx=\"{LEFT}\" cy=\"{y}\" r=\"4\" fill=\"{colour}\" stroke=\"{colour}\" stroke-width=\"2\"/>"
        );
        text(out, LEFT + 12.0, y + 4.0, "start", &in_words(search));
    }
    let y = top + LEGEND_LINE * rates.len() as f64;
    text(out, LEFT + 12.0, y + 4.0, "start", "an empty point does not hold");
}

fn in_words(search: &Search) -> String {
    let holds = match search.holds {
        Some(clients) => format!("holds {clients} clients"),
        None => "holds none of those tried".into(),
    };
    let limit = search.limit.map_or("nothing gave way".into(), |limit| format!("then: {}", limit.in_words()));
    format!("{} Hz: {holds}; {limit}", search.rate_hz)
}

fn line(out: &mut String, [x1, y1, x2, y2]: [f64; 4], colour: &str) {
    let _never_fails = writeln!(
        out,
        "<line x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\" stroke=\"{colour}\"/>"
    );
}

fn text(out: &mut String, x: f64, y: f64, anchor: &str, words: &str) {
    let words = words.replace('&', "&amp;").replace('<', "&lt;");
    let _never_fails =
        writeln!(out, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{words}</text>");
}

/// From a value to a place in pixels.
struct Axis {
    least: f64,
    most: f64,
    /// Where the least and the most are.
    ends: (f64, f64),
    is_logarithmic: bool,
}

impl Axis {
    /// Across, from `left` on; every doubling is as wide.
    fn logarithmic(least: f64, most: f64, left: f64) -> Self {
        let least = least.min(most).max(1.0);
        // A single number of clients stands in the middle.
        let (least, most) = if least < most { (least, most) } else { (least / 2.0, least * 2.0) };
        Self { least, most, ends: (left + 12.0, left + PANEL_WIDTH - 12.0), is_logarithmic: true }
    }

    /// Upwards from zero to a round number that is not below `most`.
    fn linear(most: f64) -> Self {
        let step = round_step(most);
        let most = (most / step).ceil() * step;
        Self { least: 0.0, most, ends: (TOP + PANEL_HEIGHT, TOP), is_logarithmic: false }
    }

    fn place(&self, value: f64) -> f64 {
        let scale = |value: f64| if self.is_logarithmic { value.ln() } else { value };
        let part = (scale(value) - scale(self.least)) / (scale(self.most) - scale(self.least));
        self.ends.0 + part * (self.ends.1 - self.ends.0)
    }

    /// Round numbers within the axis, and where they stand.
    fn marks(&self) -> Vec<(f64, String)> {
        let round: Vec<f64> = if self.is_logarithmic {
            let powers = (0..12).map(|power| 10_f64.powi(power));
            powers.flat_map(|power| [1.0, 2.0, 5.0].map(|digit| digit * power)).collect()
        } else {
            let step = round_step(self.most);
            (0..=(self.most / step).round() as u32).map(|n| f64::from(n) * step).collect()
        };
        let within = round.into_iter().filter(|value| (self.least..=self.most * 1.001).contains(value));
        within
            .map(|value| (self.place(value), (value * 1e6).round() / 1e6))
            .map(|(at, v)| (at, v.to_string()))
            .collect()
    }
}

/// 1, 2 or 5 times a power of ten, so that up to ten of them reach to `most`.
fn round_step(most: f64) -> f64 {
    let power = 10_f64.powf((most / 10.0).log10().floor());
    let digit = [1.0, 2.0, 5.0, 10.0].into_iter().find(|digit| digit * power * 10.0 >= most);
    digit.unwrap_or(10.0) * power
}

#[cfg(test)]
mod tests {
    use super::super::Machine;
    use super::*;
    use crate::wire::Encoding;

    fn step(clients: usize, cost: f64, verdict: Verdict) -> Step {
        let core_share = Some(clients as f64 * cost * 30.0 / 1e6);
        Step { clients, cpu_us_per_client_tick: Some(cost), core_share, verdict, ..Step::default() }
    }

    fn report(steps: Vec<Step>) -> CapacityReport {
        let search = Search { rate_hz: 30.0, holds: Some(2_000), limit: Some(Verdict::Tick), steps };
        let machine =
            Machine { processor: Some("a < b & c".into()), cores: None, server_core: None, bots_core: None };
        CapacityReport {
            version: "9",
            machine,
            encoding: Encoding::Compact,
            sealed: false,
            serve_args: Vec::new(),
            duration_s: 1.0,
            runs: 1,
            rates: vec![search],
            unfinished: None,
        }
    }

    #[test]
    fn every_step_is_a_point_in_each_panel_and_those_that_do_not_hold_are_empty() {
        let steps = vec![step(1_000, 4.0, Verdict::Holds), step(2_000, 3.0, Verdict::Tick)];
        let picture = svg(&report(steps));
        assert_eq!(picture.matches("<circle").count(), 2 * 2 + 1, "and one in the legend");
        assert_eq!(picture.matches("r=\"4\" fill=\"#fff\"").count(), 2);
        assert_eq!(picture.matches("<polyline").count(), 2, "nothing is dashed without a floor");
        assert!(picture.contains("a &lt; b &amp; c") && picture.contains("30 Hz: holds 2000 clients"));
        assert_eq!(picture.matches("<text").count(), picture.matches("</text>").count());
        assert!(!picture.contains("NaN") && !picture.contains("inf"), "{picture}");
    }

    #[test]
    fn a_single_step_and_one_without_figures_make_a_picture_too() {
        for steps in [vec![step(7, 4.0, Verdict::Holds)], vec![Step::failed(30.0, 5, "x".into())], vec![]] {
            let picture = svg(&report(steps));
            assert!(!picture.contains("NaN") && !picture.contains("inf"), "{picture}");
        }
    }

    #[test]
    fn axes_end_at_round_numbers() {
        assert_eq!([0.7, 3.0, 11.0, 100.0, 101.0].map(round_step), [0.1, 0.5, 2.0, 10.0, 20.0]);
        let marks: Vec<String> = Axis::linear(101.0).marks().into_iter().map(|(_, label)| label).collect();
        assert_eq!(marks, ["0", "20", "40", "60", "80", "100", "120"]);
        let axis = Axis::logarithmic(1_000.0, 16_000.0, 0.0);
        let marks: Vec<String> = axis.marks().into_iter().map(|(_, label)| label).collect();
        assert_eq!(marks, ["1000", "2000", "5000", "10000"]);
        assert!((axis.place(4_000.0) - PANEL_WIDTH / 2.0).abs() < 1e-9, "a doubling is a doubling anywhere");
    }
}
