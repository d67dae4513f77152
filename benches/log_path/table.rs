//! Samples as a Markdown table.

use std::fmt::Write;
use std::time::Duration;

use crate::Sample;

/// One case's samples.
pub struct Row {
    name: &'static str,
    pub original: Vec<Sample>,
    pub ours: Vec<Sample>,
}

impl Row {
    pub const fn new(name: &'static str) -> Self {
        Self {
            name,
            original: Vec::new(),
            ours: Vec::new(),
        }
    }
}

/// What it costs that a kill loses nothing: the same program without and with it.
pub fn with_and_without(rows: &[Row]) -> String {
    let mut text = String::from("| program | without | with | times |\n|---|---|---|---|\n");
    for row in rows {
        let [without, with] =
            [&row.original, &row.ours].map(|samples| spread(samples, |sample| sample.cpu));
        let times = match (without, with) {
            (Some([_, without, _]), Some([_, with, _])) if !without.is_zero() => {
                format!("{:.2}", with.as_secs_f64() / without.as_secs_f64())
            }
            _ => String::new(),
        };
        let (name, without, with) = (row.name, show(without), show(with));
        // Writing to a string cannot fail.
        let _ = writeln!(text, "| `{name}` | {without} | {with} | {times} |");
    }
    text
}

/// Seconds as min / median / max; the ratio is that of the medians of processor time.
pub fn markdown(rows: &[Row], megabytes: u32) -> String {
    let mut text = format!("Seconds for {megabytes} MB, min / median / max.\n\n");
    text.push_str("| program | original: CPU | wall | ours: CPU | wall | CPU ratio |\n");
    text.push_str("|---|---|---|---|---|---|\n");
    for row in rows {
        let cpu = |samples: &[Sample]| spread(samples, |sample| sample.cpu);
        let wall = |samples: &[Sample]| spread(samples, |sample| sample.wall);
        let ratio = match (cpu(&row.original), cpu(&row.ours)) {
            (Some([_, theirs, _]), Some([_, ours, _])) if !ours.is_zero() => {
                format!("{:.1}", theirs.as_secs_f64() / ours.as_secs_f64())
            }
            _ => String::new(),
        };
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "| `{}` | {} | {} | {} | {} | {ratio} |",
            row.name,
            show(cpu(&row.original)),
            show(wall(&row.original)),
            show(cpu(&row.ours)),
            show(wall(&row.ours)),
        );
    }
    text
}

/// The least, the middle and the greatest.
fn spread(samples: &[Sample], figure: impl Fn(&Sample) -> Duration) -> Option<[Duration; 3]> {
    let mut figures: Vec<_> = samples.iter().map(figure).collect();
    figures.sort();
    let middle = *figures.get(figures.len() / 2)?;
    Some([*figures.first()?, middle, *figures.last()?])
}

fn show(spread: Option<[Duration; 3]>) -> String {
    spread.map_or_else(String::new, |figures| {
        let [least, middle, greatest] = figures.map(|figure| figure.as_secs_f64());
        format!("{least:.2} / {middle:.2} / {greatest:.2}")
    })
}
