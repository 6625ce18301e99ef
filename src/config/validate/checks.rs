//! Collects problems, and the checks that many keys share.

use std::fmt::Display;
use std::ops::RangeInclusive;

use crate::config::place::Place;
use crate::config::problem::Problem;
use crate::config::text::Gaps;
use crate::config::value::Duration;

pub(super) struct Checks<'a> {
    gaps: &'a Gaps,
    problems: Vec<Problem>,
}

impl<'a> Checks<'a> {
    pub(super) const fn new(gaps: &'a Gaps) -> Self {
        Self { gaps, problems: Vec::new() }
    }

    pub(super) fn into_problems(self) -> Vec<Problem> {
        self.problems
    }

    /// Whether everything at this place could be read.
    pub(super) fn whole(&self, place: &Place) -> bool {
        self.gaps.is_empty() || !self.gaps.touch(&self.gaps.in_source(place))
    }

    /// Where the file has what is at this place of the configuration.
    pub(super) fn in_source(&self, place: &Place) -> Place {
        self.gaps.in_source(place)
    }

    /// Adds a problem, unless it may come from what could not be read at its place.
    pub(super) fn refuse(&mut self, place: Place, message: impl Into<String>, hint: impl Into<String>) {
        if self.whole(&place) {
            self.problems.push(Problem::new(place, message).hint(hint));
        }
    }

    pub(super) fn range<T: PartialOrd + Display>(&mut self, place: Place, value: T, range: RangeInclusive<T>) {
        if !range.contains(&value) {
            let message = format!("`{value}` is out of range");
            self.refuse(place, message, format!("write {} to {}", range.start(), range.end()));
        }
    }

    /// For counts of which there must be one.
    pub(super) fn at_least_one(&mut self, place: Place, count: u32) {
        if count == 0 {
            self.refuse(place, "`0` is out of range", "write 1 or more");
        }
    }

    /// For times in which something must be able to happen.
    pub(super) fn some_time(&mut self, place: Place, duration: Duration) {
        if duration.is_zero() {
            self.refuse(place, "`0s` leaves no time at all", "write a duration above zero, as `1s`");
        }
    }
}
