//! Metrics of a process, and their text form: Prometheus text exposition format 0.0.4.
//!
//! Nothing here waits: each number is an atomic, and counting costs a few nanoseconds. Labels are `'static`, so
//! that nothing in a request can become one.

use std::{
    fmt::{self, Display, Write as _},
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

/// The media type of the text form.
pub(crate) const EXPOSITION_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// How many observations were at most as large as each of some bounds, and the sum of all observations.
#[derive(Debug)]
pub(crate) struct Histogram {
    /// The bounds, ascending, in whole units.
    bounds: &'static [u64],
    /// The number of these units in one unit of the text form.
    per: f64,
    /// For each bound, the number of observations above the bound before and up to this one. The last is for those above all.
    counts: Box<[AtomicU64]>,
    sum: AtomicU64,
}

impl Histogram {
    /// A histogram of plain numbers.
    pub fn of_numbers(bounds: &'static [u64]) -> Self {
        Self::new(bounds, 1.0)
    }
    /// A histogram of times. The bounds are in microseconds; the text form is in seconds.
    pub fn of_times(bounds: &'static [u64]) -> Self {
        Self::new(bounds, 1e6)
    }
    fn new(bounds: &'static [u64], per: f64) -> Self {
        let counts = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Self { bounds, per, counts, sum: AtomicU64::new(0) }
    }
    pub fn observe(&self, value: u64) {
        let bucket = self.bounds.partition_point(|bound| *bound < value);
        if let Some(count) = self.counts.get(bucket) {
            count.fetch_add(1, Relaxed);
        }
        self.sum.fetch_add(value, Relaxed);
    }
    pub fn observe_time(&self, time: Duration) {
        self.observe(u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
    }
}

/// The type of a family of samples.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    /// A number that only grows, from 0 at the start of the process.
    Counter,
    /// A number as it is now.
    Gauge,
    Histogram,
}

/// A label and its value, both words of the program's own.
pub(crate) type Label = (&'static str, &'static str);

/// The text form: one family after the other.
#[derive(Debug, Default)]
pub(crate) struct Exposition(String);

impl Exposition {
    pub fn into_text(self) -> String {
        self.0
    }

    fn line(&mut self, line: fmt::Arguments<'_>) {
        // Writing to a string does not fail.
        let _ = self.0.write_fmt(line);
        self.0.push('\n');
    }

    /// Begins a family. Its samples must follow before those of another family.
    pub fn family(&mut self, name: &str, kind: Kind, help: &str) {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        self.line(format_args!("# HELP {name} {help}"));
        self.line(format_args!("# TYPE {name} {kind}"));
    }

    pub fn sample(&mut self, name: &str, labels: &[Label], value: impl Display) {
        let labels: Vec<String> = labels.iter().map(|(label, text)| format!("{label}=\"{text}\"")).collect();
        match labels.is_empty() {
            true => self.line(format_args!("{name} {value}")),
            false => self.line(format_args!("{name}{{{}}} {value}", labels.join(","))),
        }
    }

    /// A family of one gauge.
    pub fn gauge(&mut self, name: &str, help: &str, value: impl Display) {
        self.family(name, Kind::Gauge, help);
        self.sample(name, &[], value);
    }

    /// The samples of a histogram.
    pub fn histogram(&mut self, name: &str, labels: &[Label], histogram: &Histogram) {
        let mut below = 0;
        let bounds = histogram.bounds.iter().map(|b| (*b as f64 / histogram.per).to_string());
        for (bound, count) in bounds.chain(["+Inf".to_owned()]).zip(&histogram.counts) {
            below += count.load(Relaxed);
            let labels: String = labels.iter().map(|(label, text)| format!("{label}=\"{text}\",")).collect();
            self.line(format_args!("{name}_bucket{{{labels}le=\"{bound}\"}} {below}"));
        }
        let sum = histogram.sum.load(Relaxed) as f64 / histogram.per;
        self.sample(&format!("{name}_sum"), labels, sum);
        self.sample(&format!("{name}_count"), labels, below);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_counts_what_is_at_most_each_bound() {
        let histogram = Histogram::of_times(&[100, 2_000_000]);
        for micros in [0, 100, 101, 2_000_000, 2_000_001] {
            histogram.observe_time(Duration::from_micros(micros));
        }
        let mut text = Exposition::default();
        text.family("t_seconds", Kind::Histogram, "Times.");
        text.histogram("t_seconds", &[("route", "page")], &histogram);
        let expected = "\
# HELP t_seconds Times.
# TYPE t_seconds histogram
t_seconds_bucket{route=\"page\",le=\"0.0001\"} 2
t_seconds_bucket{route=\"page\",le=\"2\"} 4
t_seconds_bucket{route=\"page\",le=\"+Inf\"} 5
t_seconds_sum{route=\"page\"} 4.000202
t_seconds_count{route=\"page\"} 5
";
        assert_eq!(text.into_text(), expected);
    }

    #[test]
    fn samples_stand_under_their_family() {
        let mut text = Exposition::default();
        text.gauge("size", "Entries.", 7);
        text.family("seen_total", Kind::Counter, "Seen.");
        text.sample("seen_total", &[("a", "x"), ("b", "y")], 1);
        let expected = "\
# HELP size Entries.
# TYPE size gauge
size 7
# HELP seen_total Seen.
# TYPE seen_total counter
seen_total{a=\"x\",b=\"y\"} 1
";
        assert_eq!(text.into_text(), expected);
    }
}
