//! Times that a question names, as an interval: what was said then fits better.

use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];
const DAYS: [(&str, Weekday); 7] = [
    ("monday", Weekday::Monday),
    ("tuesday", Weekday::Tuesday),
    ("wednesday", Weekday::Wednesday),
    ("thursday", Weekday::Thursday),
    ("friday", Weekday::Friday),
    ("saturday", Weekday::Saturday),
    ("sunday", Weekday::Sunday),
];
const NUMBERS: [&str; 13] = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    "eleven", "twelve",
];
/// Before what is a time and could be something else.
const BEFORE_TIME: [&str; 15] = [
    "in", "since", "during", "of", "from", "before", "after", "until", "till", "by", "last",
    "early", "late", "mid", "on",
];
/// Months whose names are other words as well.
const WORDS_TOO: [&str; 4] = ["may", "march", "mar", "dec"];
/// Years that a time without an end reaches ahead.
const AHEAD: i64 = 100;
/// Days that `recently` reaches back.
const RECENT: i64 = 14;
/// Words of a question in which a time is looked for.
const WORDS: usize = 400;

/// A time that was named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Window {
    /// Its first millisecond.
    pub(super) from_ms: i64,
    /// The first one behind it.
    pub(super) to_ms: i64,
    /// The words that name it, in lower case.
    pub(super) words: Vec<String>,
    /// Whether it is told from now, so that a text of then has other words for it.
    pub(super) relative: bool,
    /// Whether only one of its sides was named, as in `since May`.
    pub(super) is_open: bool,
}

/// The first time that `question` names.
pub(super) fn named(question: &str, now_ms: i64) -> Option<Window> {
    let written = written(question);
    let words: Vec<String> = written.iter().map(|word| plain(word)).collect();
    let today = Timestamp::from_millisecond(now_ms)
        .ok()?
        .to_zoned(TimeZone::UTC)
        .date();
    let is_name = |word: &&str| word.starts_with(char::is_uppercase);
    let names: Vec<bool> = written.iter().map(is_name).collect();
    let reader = Reader {
        words: &words,
        names: &names,
        today,
    };
    (0..words.len()).find_map(|at| {
        let found = reader.bounded(at)?;
        let from_ms = found.from.map_or(Some(i64::MIN), start_ms)?;
        let to_ms = start_ms(found.to)?;
        (from_ms < to_ms).then(|| Window {
            from_ms,
            to_ms,
            words: words
                .get(at..at + found.length)
                .unwrap_or_default()
                .to_vec(),
            relative: found.relative,
            is_open: found.is_open,
        })
    })
}

/// Whether a question asks for a time.
pub(super) fn is_asked(question: &str) -> bool {
    let words = words_of(question);
    words.iter().any(|word| word == "when")
        || words.windows(2).any(|pair| {
            matches!(pair, [a, b] if match a.as_str() {
                "how" => matches!(b.as_str(), "long" | "recently"),
                "what" | "which" => matches!(b.as_str(), "date" | "day" | "time" | "year" | "month" | "week"),
                _ => false,
            })
        })
}

/// Whether a text names a time.
pub(super) fn is_told(text: &str) -> bool {
    let words = words_of(text);
    words.iter().any(|word| {
        let whole = |known: &&str| *known == word.as_str();
        year(word).is_some()
            || iso(word).is_some()
            || MONTHS.iter().filter(|name| name.len() > 5).any(whole)
            || DAYS.iter().any(|(name, _)| name == word)
            || matches!(
                word.as_str(),
                "april"
                    | "june"
                    | "july"
                    | "yesterday"
                    | "today"
                    | "tomorrow"
                    | "tonight"
                    | "ago"
                    | "weekend"
                    | "o'clock"
            )
    }) || words.windows(2).any(|pair| {
        matches!(pair, [a, b] if match a.as_str() {
            "last" | "in" | "since" => unit(b).is_some() || matches!(b.as_str(), "may" | "march"),
            "next" | "this" | "every" => unit(b).is_some(),
            _ => false,
        })
    })
}

/// The words of a text, in lower case; what stands within them stays, as in `2025-05-03`.
fn words_of(text: &str) -> Vec<String> {
    written(text).into_iter().map(plain).collect()
}

/// The same as they are written.
fn written(text: &str) -> Vec<&str> {
    text.split(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '(' | ')'))
        .map(|word| word.trim_matches(|c: char| !c.is_alphanumeric()))
        .filter(|word| !word.is_empty())
        .take(WORDS)
        .collect()
}

fn plain(word: &str) -> String {
    let lower = word.to_lowercase();
    let owner = lower.strip_suffix("'s").map(str::to_owned);
    owner.unwrap_or(lower)
}

/// Whether a word of a question is a date in digits, as `2025-05-03`.
pub(super) fn is_date(word: &str) -> bool {
    iso(word).is_some()
}

/// Whether a word of a time is a number of it: `10`, `3rd`, `2026`.
pub(super) fn is_part(word: &str) -> bool {
    let digits = ordinal(word).unwrap_or(word);
    digits.len() <= 4 && !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// Days that were named, the last one not among them, in so many words.
#[derive(Clone, Copy)]
struct Found {
    /// `None` for the beginning of all time.
    from: Option<Date>,
    to: Date,
    length: usize,
    relative: bool,
    is_open: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Unit {
    Day,
    Week,
    Month,
    Quarter,
    Year,
}

struct Reader<'a> {
    words: &'a [String],
    /// Which of them begin with a capital letter.
    names: &'a [bool],
    today: Date,
}

impl Reader<'_> {
    fn word(&self, at: usize) -> &str {
        self.words.get(at).map_or("", String::as_str)
    }

    /// A time at this word, perhaps with `since`, `before` or `after` in front of it, or from one to
    /// another.
    fn bounded(&self, at: usize) -> Option<Found> {
        let bound = self.word(at);
        match bound {
            "since" | "before" | "until" | "till" | "after" => {}
            _ => return self.range(at).or_else(|| self.time(at)),
        }
        let next = self.behind_article(at + 1);
        let found = self.time_in(next, true)?;
        let tomorrow = later(self.today, 1, Unit::Day)?;
        // What begins after today has no end yet.
        let open = |from: Date| match from < tomorrow {
            true => Some(tomorrow),
            false => later(from, AHEAD, Unit::Year),
        };
        let (from, to) = match bound {
            "since" => (found.from, open(found.from?)?),
            "after" => (Some(found.to), open(found.to)?),
            _ => (None, found.from?),
        };
        Some(Found {
            from,
            to,
            length: next - at + found.length,
            is_open: true,
            ..found
        })
    }

    /// `between May and July`, `from Monday to today`, `2026-05-01 to 2026-05-31`.
    fn range(&self, at: usize) -> Option<Found> {
        let (start, joins): (usize, &[&str]) = match self.word(at) {
            "between" => (at + 1, &["and"]),
            "from" => (at + 1, &["to", "until", "till", "through"]),
            _ => (at, &["to", "until", "till", "through"]),
        };
        let start = self.behind_article(start);
        let first = self.time_in(start, start > at || self.is_preceded(at))?;
        let join = start + first.length;
        if !joins.contains(&self.word(join)) {
            return None;
        }
        let end = self.behind_article(join + 1);
        let last = self.time_in(end, true)?;
        let length = end - at + last.length;
        let relative = first.relative || last.relative;
        let from = first.from.filter(|from| *from < last.to)?;
        told(Some(from), last.to, length, relative)
    }

    fn behind_article(&self, at: usize) -> usize {
        at + usize::from(self.word(at) == "the")
    }

    /// Whether what stands before this word makes it a time.
    fn is_preceded(&self, at: usize) -> bool {
        at > 0 && BEFORE_TIME.contains(&self.word(at - 1))
    }

    fn time(&self, at: usize) -> Option<Found> {
        self.time_in(at, self.is_preceded(at))
    }

    /// The same where it is known whether it is `preceded` by what makes it one.
    fn time_in(&self, at: usize, preceded: bool) -> Option<Found> {
        self.near_now(at)
            .or_else(|| self.ago(at))
            .or_else(|| self.last(at))
            .or_else(|| self.next(at))
            .or_else(|| self.date(at))
            .or_else(|| self.month(at, preceded))
            .or_else(|| self.quarter(at))
            .or_else(|| self.weekday(at, false))
            .or_else(|| self.year(at, preceded))
    }

    fn near_now(&self, at: usize) -> Option<Found> {
        let (days, length) = match (self.word(at), self.word(at + 1), self.word(at + 2)) {
            ("today" | "tonight", ..) => (0, 1),
            ("this", "morning" | "afternoon" | "evening", _) => (0, 2),
            ("day", "before", "yesterday") => (2, 3),
            ("yesterday", ..) => (1, 1),
            ("day", "after", "tomorrow") => (-2, 3),
            ("tomorrow", ..) => (-1, 1),
            ("last", "night", _) => (1, 2),
            ("recently" | "lately", ..) => {
                let from = Some(later(self.today, -RECENT, Unit::Day)?);
                return told(from, later(self.today, 1, Unit::Day)?, 1, true);
            }
            _ => return None,
        };
        let day = later(self.today, -days, Unit::Day)?;
        told(Some(day), later(day, 1, Unit::Day)?, length, true)
    }

    /// `3 weeks ago`, `a month ago`.
    fn ago(&self, at: usize) -> Option<Found> {
        let (number, length) = self.number(at)?;
        let unit = unit(self.word(at + length))?;
        if self.word(at + length + 1) != "ago" {
            return None;
        }
        let then = later(self.today, -number, unit)?;
        // The farther back, the less exactly it is meant.
        let around = match unit {
            Unit::Day => 0,
            Unit::Week => 3,
            Unit::Month => 15,
            Unit::Quarter => 45,
            Unit::Year => 182,
        };
        let from = later(then, -around, Unit::Day)?;
        let to = later(then, around + 1, Unit::Day)?;
        told(Some(from), to, length + 2, true)
    }

    /// `last week`, `this month`, `past 3 days`, `last Monday`, `last May`.
    fn last(&self, at: usize) -> Option<Found> {
        let is_this = match self.word(at) {
            "last" | "past" | "previous" => false,
            "this" | "current" => true,
            _ => return None,
        };
        let tomorrow = later(self.today, 1, Unit::Day)?;
        if let Some(unit) = unit(self.word(at + 1)) {
            if let (false, Some(found)) = (is_this, self.last_of(at, unit)) {
                return Some(found);
            }
            let start = start_of(self.today, unit)?;
            let (from, to) = match is_this {
                true => (start, tomorrow),
                false => (later(start, -1, unit)?, start),
            };
            return told(Some(from), to, 2, true);
        }
        if is_this {
            let day = weekday(self.word(at + 1))?;
            let monday = start_of(self.today, Unit::Week)?;
            let day = later(monday, i64::from(day.to_monday_zero_offset()), Unit::Day)?;
            return told(Some(day), later(day, 1, Unit::Day)?, 2, true);
        }
        if let Some((number, length)) = self.number(at + 1)
            && let Some(unit) = unit(self.word(at + 1 + length))
        {
            let from = later(self.today, -number, unit)?;
            return told(Some(from), tomorrow, length + 2, true);
        }
        if let Some((number, length)) = self.number(at + 1)
            && matches!(self.word(at + 1 + length), "hour" | "hours")
        {
            let days = number.checked_add(23)? / 24;
            let from = later(self.today, -days, Unit::Day)?;
            return told(Some(from), tomorrow, length + 2, true);
        }
        let found = self.weekday(at + 1, true);
        let found = found.or_else(|| self.month(at + 1, true))?;
        let length = found.length + 1;
        Some(Found { length, ..found })
    }

    /// `last week of May`, `last quarter of 2024`.
    fn last_of(&self, at: usize, unit: Unit) -> Option<Found> {
        if self.word(at + 2) != "of" {
            return None;
        }
        let whole = self.month(at + 3, true);
        let whole = whole.or_else(|| self.quarter(at + 3));
        let whole = whole.or_else(|| self.year(at + 3, true))?;
        let from = later(whole.to, -1, unit)?;
        let is_within = whole.from.is_some_and(|start| start <= from);
        is_within.then_some(Found {
            from: Some(from),
            length: whole.length + 3,
            ..whole
        })
    }

    /// `next week`, `next Friday`, `next May`; also the `coming` one.
    fn next(&self, at: usize) -> Option<Found> {
        if !matches!(self.word(at), "next" | "coming") {
            return None;
        }
        if let Some(unit) = unit(self.word(at + 1)) {
            let from = later(start_of(self.today, unit)?, 1, unit)?;
            return told(Some(from), later(from, 1, unit)?, 2, true);
        }
        if let Some(day) = weekday(self.word(at + 1)) {
            let ahead = match i64::from(self.today.weekday().until(day)) {
                0 => 7,
                ahead => ahead,
            };
            let day = later(self.today, ahead, Unit::Day)?;
            return told(Some(day), later(day, 1, Unit::Day)?, 2, true);
        }
        let (month, _) = month_of(self.word(at + 1))?;
        let year = self.today.year() + i16::from(month <= self.today.month());
        let from = Date::new(year, month, 1).ok()?;
        told(Some(from), later(from, 1, Unit::Month)?, 2, false)
    }

    /// `2025-05-03`, `2025-05`, `2025-05-03..2025-05-05`.
    fn date(&self, at: usize) -> Option<Found> {
        if let Some((first, last)) = self.word(at).split_once("..") {
            let ((from, _), (_, to)) = (iso(first)?, iso(last.trim_start_matches('.'))?);
            return told(Some(from), to, 1, false);
        }
        let (from, to) = iso(self.word(at))?;
        told(Some(from), to, 1, false)
    }

    /// `May`, `May 2025`, `3 May 2025`, `May 3rd`; a word that is also a verb only where it must be one.
    fn month(&self, at: usize, preceded: bool) -> Option<Found> {
        let (before, name_at) = match day_number(self.word(at)) {
            Some(day) if self.word(at + 1) == "of" => (Some(day), at + 2),
            Some(day) => (Some(day), at + 1),
            None => (None, at),
        };
        let (month, is_sure) = month_of(self.word(name_at))?;
        let mut next = name_at + 1;
        let after = day_number(self.word(next)).filter(|_| before.is_none());
        next += usize::from(after.is_some());
        let of = usize::from(self.word(next) == "of");
        let year = year(self.word(next + of));
        let next = if year.is_some() { next + of + 1 } else { next };
        let name = self.word(name_at);
        // `3 May` is a day; `version 3 may` is none, unless that is all that is said.
        let is_day = before.or(after).is_some()
            && (!WORDS_TOO.contains(&name)
                || self.names.get(name_at) == Some(&true)
                || is_ordinal(self.word(at))
                || is_ordinal(self.word(name_at + 1))
                || next == self.words.len());
        if !is_sure && year.is_none() && !preceded && !is_day {
            return None;
        }
        let year = year.unwrap_or_else(|| {
            let this_year = self.today.year();
            this_year - i16::from(month > self.today.month())
        });
        let (from, to) = match before.or(after) {
            Some(day) => {
                let day = Date::new(year, month, day).ok()?;
                (day, later(day, 1, Unit::Day)?)
            }
            None => {
                let first = Date::new(year, month, 1).ok()?;
                (first, later(first, 1, Unit::Month)?)
            }
        };
        told(Some(from), to, next - at, false)
    }

    /// `Q3`, `Q3 2025`, `third quarter of 2025`.
    fn quarter(&self, at: usize) -> Option<Found> {
        let (quarter, mut next): (i8, usize) = match (self.word(at), self.word(at + 1)) {
            ("q1", _) => (0, 1),
            ("q2", _) => (1, 1),
            ("q3", _) => (2, 1),
            ("q4", _) => (3, 1),
            ("first", "quarter") => (0, 2),
            ("second", "quarter") => (1, 2),
            ("third", "quarter") => (2, 2),
            ("fourth" | "last", "quarter") => (3, 2),
            _ => return None,
        };
        let of = usize::from(self.word(at + next) == "of");
        let month = quarter * 3 + 1;
        let year = match year(self.word(at + next + of)) {
            Some(year) => {
                next += of + 1;
                year
            }
            None => self.today.year() - i16::from(month > self.today.month()),
        };
        let from = Date::new(year, month, 1).ok()?;
        told(Some(from), later(from, 1, Unit::Quarter)?, next, false)
    }

    /// `Monday`: the last one.
    fn weekday(&self, at: usize, before_today: bool) -> Option<Found> {
        let day = weekday(self.word(at))?;
        let mut back = i64::from(day.until(self.today.weekday()));
        if back == 0 && before_today {
            back = 7;
        }
        let day = later(self.today, -back, Unit::Day)?;
        told(Some(day), later(day, 1, Unit::Day)?, 1, true)
    }

    /// `in 2024`.
    fn year(&self, at: usize, preceded: bool) -> Option<Found> {
        let year = year(self.word(at)).filter(|_| preceded)?;
        let from = Date::new(year, 1, 1).ok()?;
        told(Some(from), later(from, 1, Unit::Year)?, 1, false)
    }

    /// A number and how many words it is.
    fn number(&self, at: usize) -> Option<(i64, usize)> {
        let word = self.word(at);
        match (word, self.word(at + 1), self.word(at + 2)) {
            ("a", "couple", "of") => return Some((2, 3)),
            ("couple", "of", _) => return Some((2, 2)),
            ("a", "few", _) => return Some((3, 2)),
            ("few", ..) => return Some((3, 1)),
            ("a" | "an", ..) => return Some((1, 1)),
            _ => {}
        }
        let number = match NUMBERS.iter().position(|name| *name == word) {
            Some(number) => i64::try_from(number).ok()?,
            None => word.parse().ok()?,
        };
        (0..=10_000).contains(&number).then_some((number, 1))
    }
}

fn told(from: Option<Date>, to: Date, length: usize, relative: bool) -> Option<Found> {
    Some(Found {
        from,
        to,
        length,
        relative,
        is_open: false,
    })
}

fn unit(word: &str) -> Option<Unit> {
    Some(match word {
        "day" | "days" => Unit::Day,
        "week" | "weeks" => Unit::Week,
        "month" | "months" => Unit::Month,
        "quarter" | "quarters" => Unit::Quarter,
        "year" | "years" => Unit::Year,
        _ => return None,
    })
}

fn weekday(word: &str) -> Option<Weekday> {
    let known = DAYS.iter().find(|(name, _)| *name == word)?;
    Some(known.1)
}

/// The month of that name, and whether it cannot be anything else.
fn month_of(word: &str) -> Option<(i8, bool)> {
    let at = MONTHS.iter().position(|name| {
        *name == word
            || (word.len() == 3 && name.starts_with(word))
            || (word == "sept" && *name == "september")
    })?;
    let is_sure = word.len() > 4 && word != "march" || matches!(word, "june" | "july");
    Some((i8::try_from(at + 1).ok()?, is_sure))
}

/// The digits of `3rd`.
fn ordinal(word: &str) -> Option<&str> {
    let endings = ["st", "nd", "rd", "th"];
    endings.iter().find_map(|ending| word.strip_suffix(ending))
}

fn is_ordinal(word: &str) -> bool {
    ordinal(word).is_some() && day_number(word).is_some()
}

/// `3`, `3rd`.
fn day_number(word: &str) -> Option<i8> {
    let digits = ordinal(word).unwrap_or(word);
    digits.parse().ok().filter(|day| (1..=31).contains(day))
}

fn year(word: &str) -> Option<i16> {
    let is_year = word.len() == 4 && word.bytes().all(|b| b.is_ascii_digit());
    let year = word.parse().ok().filter(|_| is_year)?;
    (1970..=2099).contains(&year).then_some(year)
}

/// The day or month that is written like `2025-05-03` or `2025-05`.
fn iso(word: &str) -> Option<(Date, Date)> {
    let mut parts = word.split('-');
    let year = year(parts.next()?)?;
    let two = |part: &str| part.parse::<i8>().ok().filter(|_| part.len() == 2);
    let month = two(parts.next()?)?;
    let day = match parts.next() {
        None => return span_of(Date::new(year, month, 1).ok()?, Unit::Month),
        Some(day) => two(day.get(..2)?)?,
    };
    span_of(Date::new(year, month, day).ok()?, Unit::Day)
}

fn span_of(from: Date, unit: Unit) -> Option<(Date, Date)> {
    Some((from, later(from, 1, unit)?))
}

fn later(date: Date, number: i64, unit: Unit) -> Option<Date> {
    let span = match unit {
        Unit::Day => Span::new().try_days(number),
        Unit::Week => Span::new().try_weeks(number),
        Unit::Month => Span::new().try_months(number),
        Unit::Quarter => Span::new().try_months(number.checked_mul(3)?),
        Unit::Year => Span::new().try_years(number),
    };
    date.checked_add(span.ok()?).ok()
}

/// The first day of the week, month … that `date` is in.
fn start_of(date: Date, unit: Unit) -> Option<Date> {
    match unit {
        Unit::Day => Some(date),
        Unit::Week => {
            let back = i64::from(date.weekday().to_monday_zero_offset());
            later(date, -back, Unit::Day)
        }
        Unit::Month => Some(date.first_of_month()),
        Unit::Quarter => {
            let month = (date.month() - 1) / 3 * 3 + 1;
            Date::new(date.year(), month, 1).ok()
        }
        Unit::Year => Some(date.first_of_year()),
    }
}

fn start_ms(date: Date) -> Option<i64> {
    let start = date.to_zoned(TimeZone::UTC).ok()?;
    Some(start.timestamp().as_millisecond())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::memory::tests::NOW_MS;

    /// The first and the last day, as people write them; now is Wednesday, 2026-05-20.
    fn days(question: &str) -> Option<String> {
        let window = named(question, NOW_MS)?;
        let day = |ms: i64| {
            let time = Timestamp::from_millisecond(ms).unwrap();
            time.to_zoned(TimeZone::UTC).date().to_string()
        };
        let last = day(window.to_ms - 1);
        Some(match window.from_ms {
            i64::MIN => format!("..{last}"),
            from if day(from) == last => last,
            from => format!("{}..{last}", day(from)),
        })
    }

    #[test]
    fn a_time_is_found_where_one_is_named() {
        let table = [
            ("what broke today?", "2026-05-20"),
            ("Yesterday's deploy", "2026-05-19"),
            ("3 days ago", "2026-05-17"),
            ("a week ago", "2026-05-10..2026-05-16"),
            ("two months ago", "2026-03-05..2026-04-04"),
            ("what did we decide last week", "2026-05-11..2026-05-17"),
            ("this week", "2026-05-18..2026-05-20"),
            ("last month", "2026-04-01..2026-04-30"),
            ("this year", "2026-01-01..2026-05-20"),
            ("the past 3 days", "2026-05-17..2026-05-20"),
            ("on Monday", "2026-05-18"),
            ("last Wednesday", "2026-05-13"),
            ("decided in May", "2026-05-01..2026-05-31"),
            ("decided in June", "2025-06-01..2025-06-30"),
            ("May 2025", "2025-05-01..2025-05-31"),
            ("on 3 May 2025", "2025-05-03"),
            ("on March 3rd, 2025", "2025-03-03"),
            ("on 2025-05-03?", "2025-05-03"),
            ("2025-05", "2025-05-01..2025-05-31"),
            ("in 2024", "2024-01-01..2024-12-31"),
            ("since March", "2026-03-01..2026-05-20"),
            ("before 2025", "..2024-12-31"),
            ("before May 2025", "..2025-04-30"),
            ("after yesterday", "2026-05-20"),
            ("Q1 plans", "2026-01-01..2026-03-31"),
            ("the third quarter of 2024", "2024-07-01..2024-09-30"),
            ("May 3rd", "2026-05-03"),
            ("what broke May 3rd on staging", "2026-05-03"),
            ("3 May", "2026-05-03"),
            ("5 March decision", "2026-03-05"),
            ("the 3rd of may decision", "2026-05-03"),
            ("what did we say 5 march", "2026-03-05"),
            ("12 aug release", "2025-08-12"),
            ("2026-05-03", "2026-05-03"),
            ("before 2026-05-03", "..2026-05-02"),
            ("since 2026-05-03", "2026-05-03..2026-05-20"),
            ("until 3 May", "..2026-05-02"),
            ("next friday", "2026-05-22"),
            ("next Wednesday", "2026-05-27"),
            ("this Friday", "2026-05-22"),
            ("this Monday", "2026-05-18"),
            ("next week", "2026-05-25..2026-05-31"),
            ("next month", "2026-06-01..2026-06-30"),
            ("next May", "2027-05-01..2027-05-31"),
            ("tomorrow", "2026-05-21"),
            ("after today", "2026-05-21..2126-05-20"),
            ("since tomorrow", "2026-05-21..2126-05-20"),
            ("last quarter of 2024", "2024-10-01..2024-12-31"),
            ("the last week of April", "2026-04-24..2026-04-30"),
            ("last week of testing", "2026-05-11..2026-05-17"),
            (
                "between 2026-05-01 and 2026-05-31",
                "2026-05-01..2026-05-31",
            ),
            ("from 3 May to the 5th of May", "2026-05-03..2026-05-05"),
            ("2026-05-01..2026-05-07", "2026-05-01..2026-05-07"),
            ("from March to May", "2026-03-01..2026-05-31"),
            ("between 2023 and 2024", "2023-01-01..2024-12-31"),
            ("since the 5th of May", "2026-05-05..2026-05-20"),
            ("before the 20th of May 2026", "..2026-05-19"),
            ("last 24 hours", "2026-05-19..2026-05-20"),
        ];
        for (question, expected) in table {
            let found = days(question);
            assert_eq!(found.as_deref(), Some(expected), "{question}");
        }
    }

    #[test]
    fn no_time_is_seen_where_none_is_meant() {
        for question in [
            "this may fail",
            "may we march on?",
            "requests may time out in 3 retries",
            "port 2024",
            "the last commit",
            "10 days of logs",
            "mar the surface",
            "version 3 may break the importer",
            "this may 3 times a day",
            "step 5 march on",
            "hex to dec 10 digits",
            "the next commit",
        ] {
            assert_eq!(named(question, NOW_MS), None, "{question}");
        }
    }

    #[test]
    fn asking_for_a_time_and_telling_one_are_seen() {
        assert!(is_asked("When was that?") && is_asked("how long does it take"));
        assert!(!is_asked("how do I deploy"));
        assert!(is_told("released on 2025-05-03") && is_told("since May") && is_told("last week"));
        assert!(!is_told("this may fail") && !is_told("port 8080"));
    }

    proptest! {
        #[test]
        fn no_question_breaks_it(question in any::<String>(), now_ms in any::<i64>()) {
            named(&question, now_ms);
            is_told(&question);
        }

        #[test]
        fn no_number_breaks_it(number in any::<u64>(), word in "(days|weeks|months|years|May|q1|-05-03)( ago)?") {
            named(&format!("last {number} {word}"), NOW_MS);
            named(&format!("in {number} {word}"), NOW_MS);
            named(&format!("{number}{word}"), NOW_MS);
        }
    }
}
