//! The timeline of a case, drawn as inline SVG. It holds numbers and fixed words, and nothing that anybody sent.

use std::fmt::Write as _;

use jiff::civil::Date;

use crate::views::{Days, Lane, Timeline};

const WIDTH: i64 = 480;
/// The horizontal position where the lanes begin, to the right of their names.
const LEFT: i64 = 58;
const RIGHT: i64 = 14;
const ROW: i64 = 22;
const TOP: i64 = 8;
/// The most places along a lane. Entries in the same place share one mark.
const PLACES: i64 = 100;

fn words(date: &str) -> String {
    crate::event::At::parse(date).map_or_else(|_| date.to_owned(), |at| crate::views::at_words(&at))
}

fn day(date: Date) -> String {
    words(&date.to_string())
}

/// `8 December 2023`, or `December 2023` if the date says no day.
fn said(days: Days) -> String {
    match days.one() {
        Some(date) => day(date),
        None => words(days.first.to_string().get(..7).unwrap_or_default()),
    }
}

/// Draws the timeline; `None` if it has no marks.
pub fn timeline(timeline: &Timeline) -> Option<String> {
    let first = timeline.marks.iter().map(|m| m.days.first).min()?;
    let last = timeline.marks.iter().map(|m| m.days.last).max()?;
    let days = i64::from((last - first).get_days()).max(1);
    let place = |day: Date| i64::from((day - first).get_days()) * PLACES / days;
    let x = |place: i64| LEFT + place * (WIDTH - LEFT - RIGHT) / PLACES;
    let lanes: i64 = 4;
    let height = TOP + lanes * ROW + 22;
    let mut svg = String::with_capacity(8 << 10);
    // Writing to a `String` does not fail, here and below.
    let _ = write!(
        svg,
        r#"<svg class="timeline" viewBox="0 0 {WIDTH} {height}" role="group" aria-labelledby="drawn drawn-how"><title id="drawn">Timeline of {} entries from {} to {}</title><desc id="drawn-how">A mark for each day with entries, and a bar over each month of which no day is said, in a row each for what was said, asked, told, and done to the record. The list below says the same in words.</desc>"#,
        timeline.all,
        day(first),
        day(last)
    );
    for (row, lane) in (0_i64..).zip(Lane::ALL) {
        let y = TOP + row * ROW + ROW / 2;
        let _ = write!(
            svg,
            r#"<text x="0" y="{}">{}</text><path d="M{LEFT} {y}H{}"/>"#,
            y + 4,
            lane.words(),
            WIDTH - RIGHT
        );
        // For each place, or each pair of places where a month begins and ends: the number of entries, the earliest date, and
        // the entry of that date.
        let mut places: std::collections::BTreeMap<(bool, i64, i64), (usize, Days, u64)> =
            std::collections::BTreeMap::new();
        for mark in timeline.marks.iter().filter(|m| m.lane == lane) {
            let ends = (mark.days.one().is_some(), place(mark.days.first), place(mark.days.last));
            let at = places.entry(ends).or_insert((0, mark.days, mark.index));
            at.0 += mark.entries;
            if mark.days < at.1 {
                (at.1, at.2) = (mark.days, mark.index);
            }
        }
        // Bars come first in the map (`false` before `true`), so that they cover no mark.
        for ((is_day, from, to), (entries, days, index)) in places {
            let r = match entries {
                1 => 4,
                2..=4 => 5,
                _ => 7,
            };
            let s = if entries == 1 { "entry" } else { "entries" };
            let _ = write!(svg, r#"<a href="/e/{index}"><title>{}: {entries} {s}"#, said(days));
            let _ = match is_day {
                true => {
                    write!(svg, r#"</title><circle class="l{row}" cx="{}" cy="{y}" r="{r}"/></a>"#, x(from))
                }
                false => write!(
                    svg,
                    r#", no day said</title><rect class="l{row}" x="{}" y="{}" width="{}" height="{}" rx="{r}"/></a>"#,
                    x(from) - r,
                    y - r,
                    x(to) - x(from) + 2 * r,
                    2 * r
                ),
            };
        }
    }
    let y = TOP + lanes * ROW + 14;
    let _ = write!(svg, r#"<text x="{LEFT}" y="{y}">{}</text>"#, day(first));
    if last != first {
        let _ = write!(svg, r#"<text x="{}" y="{y}" text-anchor="end">{}</text>"#, WIDTH - RIGHT, day(last));
    }
    svg.push_str("</svg>");
    Some(svg)
}
