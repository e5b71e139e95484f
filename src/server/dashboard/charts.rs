//! Charts as shapes: what a template draws as SVG, in a box of [`WIDTH`] by [`HEIGHT`] that the page
//! stretches. Words stand beside the box and not in it, so that they stay readable at any width; every
//! chart has its figures in a table as well.

use std::fmt::Write as _;

use crate::domain::level::Level;
use crate::insight::Proportion;
use crate::insight::metrics::BARS;
use crate::insight::trend::{Bucket, Interval};

use super::text::{counted, thousands};

pub const WIDTH: f64 = 1_000.0;
pub const HEIGHT: f64 = 200.0;
/// Part of a column's width that stays empty.
const GAP: f64 = 0.16;

#[derive(Debug, Clone, PartialEq)]
pub struct Shape {
    pub class: &'static str,
    pub x: String,
    pub y: String,
    pub width: String,
    pub height: String,
}

/// A place to point at, which says what is there.
#[derive(Debug, Clone, PartialEq)]
pub struct Spot {
    pub x: String,
    pub width: String,
    pub says: String,
}

/// A row of the table behind a chart.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    pub name: String,
    pub cells: Vec<String>,
}

/// A chart of columns.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Columns {
    pub shapes: Vec<Shape>,
    pub spots: Vec<Spot>,
    pub rows: Vec<Row>,
    pub most: String,
    /// What stands below the first, the middle and the last column.
    pub labels: Vec<String>,
}

/// A chart of lines, from 0 to 100 %.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Lines {
    pub approval: String,
    pub success: String,
    pub spots: Vec<Spot>,
}

/// A bar of parts that make up a whole.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Stack {
    pub shapes: Vec<Shape>,
}

/// A place on an axis, in units of the drawing.
struct Span {
    start: f64,
    length: f64,
}

fn shape(class: &'static str, x: Span, y: Span) -> Shape {
    let text = |value: f64| format!("{value:.1}");
    Shape {
        class,
        x: text(x.start),
        y: text(y.start),
        width: text(x.length),
        height: text(y.length),
    }
}

/// The place of a column between gaps.
fn column(x: f64, each: f64) -> Span {
    Span {
        start: x + each * GAP / 2.0,
        length: each * (1.0 - GAP),
    }
}

fn spot(x: f64, width: f64, says: String) -> Spot {
    Spot {
        x: format!("{x:.1}"),
        width: format!("{width:.1}"),
        says,
    }
}

/// The class of a level's colour.
pub const fn class(level: Level) -> &'static str {
    match level {
        Level::Low => "low",
        Level::Medium => "medium",
        Level::High => "high",
    }
}

/// The parts of a whole side by side.
pub fn stack(levels: [u32; 3]) -> Stack {
    let sum = f64::from(levels.iter().sum::<u32>().max(1));
    let mut x = 0.0;
    let mut stack = Stack::default();
    for (level, count) in Level::ALL.into_iter().zip(levels) {
        let width = f64::from(count) / sum * WIDTH;
        if count > 0 {
            let across = Span {
                start: x,
                length: width,
            };
            let down = Span {
                start: 0.0,
                length: HEIGHT,
            };
            stack.shapes.push(shape(class(level), across, down));
        }
        x += width;
    }
    stack
}

/// A bar of one share, as the width of a box of [`WIDTH`].
pub fn bar(share: Proportion) -> String {
    format!("{:.1}", share.rate().unwrap_or(0.0) * WIDTH)
}

/// How often each score was given.
pub fn histogram(counts: &[u32; BARS]) -> Columns {
    let most = counts.iter().copied().max().unwrap_or(0);
    let (each, scale) = (WIDTH / BARS as f64, HEIGHT / f64::from(most.max(1)));
    let mut columns = Columns {
        most: thousands(most.into()),
        labels: ["0", "50", "100"].map(str::to_owned).to_vec(),
        ..Columns::default()
    };
    for (place, count) in counts.iter().enumerate() {
        let (x, height) = (place as f64 * each, f64::from(*count) * scale);
        if *count > 0 {
            let up = Span {
                start: HEIGHT - height,
                length: height,
            };
            columns.shapes.push(shape("plain", column(x, each), up));
        }
        let (from, to) = (place * 100 / BARS, (place + 1) * 100 / BARS);
        let name = format!("{from} to {to}");
        let says = format!("Score {name}: {}", counted((*count).into(), "case"));
        columns.spots.push(spot(x, each, says));
        columns.rows.push(Row {
            name,
            cells: vec![thousands((*count).into())],
        });
    }
    columns
}

/// What a bucket of time is called.
fn name(bucket: &Bucket, step: Interval) -> String {
    let format = match step {
        Interval::Day | Interval::Week => "%Y-%m-%d",
        Interval::Month => "%Y-%m",
        Interval::Year => "%Y",
    };
    let start = bucket.start.format(format);
    match step {
        Interval::Week => format!("week of {start}"),
        _ => start.to_string(),
    }
}

/// Decisions over time, by level.
pub fn trend(buckets: &[Bucket], step: Interval) -> Columns {
    let sum = |bucket: &Bucket| bucket.levels.iter().sum::<u32>();
    let most = buckets.iter().map(sum).max().unwrap_or(0);
    let each = WIDTH / buckets.len().max(1) as f64;
    let scale = HEIGHT / f64::from(most.max(1));
    let mut columns = Columns {
        most: thousands(most.into()),
        ..Columns::default()
    };
    for (place, bucket) in buckets.iter().enumerate() {
        let x = place as f64 * each;
        let mut y = HEIGHT;
        for (level, count) in Level::ALL.into_iter().zip(bucket.levels) {
            let height = f64::from(count) * scale;
            y -= height;
            if count > 0 {
                let up = Span {
                    start: y,
                    length: height,
                };
                let shape = shape(class(level), column(x, each), up);
                columns.shapes.push(shape);
            }
        }
        let [low, medium, high] = bucket.levels;
        let name = name(bucket, step);
        let says = format!(
            "{name}: {low} LOW, {medium} MEDIUM, {high} HIGH; approved {}",
            bucket.approval.percent()
        );
        columns.spots.push(spot(x, each, says));
        let counts = bucket.levels.map(|count| thousands(count.into()));
        let mut cells = counts.to_vec();
        cells.extend([bucket.approval.percent(), bucket.success.percent()]);
        columns.rows.push(Row { name, cells });
    }
    columns.labels = ends(buckets, step);
    columns
}

/// The first, the middle and the last name.
fn ends(buckets: &[Bucket], step: Interval) -> Vec<String> {
    let short = |bucket: &Bucket| name(bucket, step).replace("week of ", "");
    let middle = (buckets.len() > 4)
        .then(|| buckets.get(buckets.len() / 2))
        .flatten();
    let last = (buckets.len() > 1).then(|| buckets.last()).flatten();
    let all = [buckets.first(), middle, last];
    all.into_iter().flatten().map(short).collect()
}

/// Approval and success over time.
pub fn rates(buckets: &[Bucket], step: Interval) -> Lines {
    let each = WIDTH / buckets.len().max(1) as f64;
    let says = |(place, bucket): (usize, &Bucket)| {
        let says = format!(
            "{}: approved {}, successful {}",
            name(bucket, step),
            bucket.approval.in_words(),
            bucket.success.in_words()
        );
        spot(place as f64 * each, each, says)
    };
    Lines {
        approval: path(buckets.iter().map(|bucket| bucket.approval), each),
        success: path(buckets.iter().map(|bucket| bucket.success), each),
        spots: buckets.iter().enumerate().map(says).collect(),
    }
}

/// A line through the middle of each column; where there is no rate it is interrupted.
fn path(shares: impl Iterator<Item = Proportion>, each: f64) -> String {
    let mut path = String::new();
    let mut is_down = false;
    for (place, share) in shares.enumerate() {
        let Some(rate) = share.rate() else {
            is_down = false;
            continue;
        };
        let (x, y) = ((place as f64 + 0.5) * each, (1.0 - rate) * HEIGHT);
        // A point alone is a line to itself, which a round end makes a dot.
        let _ = if is_down {
            write!(path, "L{x:.1} {y:.1}")
        } else {
            write!(path, "M{x:.1} {y:.1}L{x:.1} {y:.1}")
        };
        is_down = true;
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_interrupted_where_nothing_happened() {
        let shares = [
            Proportion::new(1, 2),
            Proportion::default(),
            Proportion::new(2, 2),
            Proportion::new(0, 1),
        ];
        assert_eq!(
            path(shares.into_iter(), 250.0),
            "M125.0 100.0L125.0 100.0M625.0 0.0L625.0 0.0L875.0 200.0"
        );
    }

    #[test]
    fn columns_fill_the_box_and_say_what_they_are() {
        let mut counts = [0; BARS];
        counts[0] = 10;
        counts[19] = 5;
        let columns = histogram(&counts);
        assert_eq!(columns.shapes.len(), 2);
        assert_eq!(
            (
                columns.shapes[0].y.as_str(),
                columns.shapes[0].height.as_str()
            ),
            ("0.0", "200.0")
        );
        assert_eq!(columns.shapes[1].height, "100.0");
        assert_eq!(columns.spots[19].says, "Score 95 to 100: 5 cases");
        assert_eq!(columns.rows.len(), BARS);
    }

    #[test]
    fn a_stack_leaves_no_gap() {
        let stack = stack([1, 0, 3]);
        let parts: Vec<_> = stack
            .shapes
            .iter()
            .map(|part| (part.class, part.x.as_str(), part.width.as_str()))
            .collect();
        assert_eq!(parts, [("low", "0.0", "250.0"), ("high", "250.0", "750.0")]);
    }
}
