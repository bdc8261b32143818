//! Numbers with a range, and limits that can be lifted. Each refuses a bad value with a message
//! that says what would be a good one.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Error, IntoDeserializer, Unexpected, Visitor, value};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

const UNLIMITED: &str = "unlimited";

/// An upper bound: in configuration a positive number, or the word `unlimited`.
// The order of the variants is the order of the limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
pub enum Limit<T> {
    /// At most this much; greater than zero.
    At(T),
    /// No bound; only configuration can say so.
    Unlimited,
}

impl<T> Limit<T> {
    /// The bound, if there is one.
    pub fn bound(self) -> Option<T> {
        match self {
            Self::At(bound) => Some(bound),
            Self::Unlimited => None,
        }
    }
}

impl<'de, T: Deserialize<'de> + PartialOrd + Default> Deserialize<'de> for Limit<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LimitVisitor(PhantomData))
    }
}

impl<T: Serialize> Serialize for Limit<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::At(bound) => bound.serialize(serializer),
            Self::Unlimited => serializer.serialize_str(UNLIMITED),
        }
    }
}

/// Reads a whole number from `LOW` to `HIGH`.
pub(super) fn whole<'de, const LOW: u32, const HIGH: u32, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<u32, D::Error> {
    deserializer.deserialize_any(WholeVisitor::<LOW, HIGH>)
}

/// Reads a limit of at most `HIGH`.
pub(super) fn limit_up_to<'de, const HIGH: u32, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Limit<u32>, D::Error> {
    match Limit::<u32>::deserialize(deserializer)? {
        Limit::At(bound) if bound > HIGH => Err(D::Error::invalid_value(
            Unexpected::Unsigned(bound.into()),
            &format!("at most {HIGH}, or \"{UNLIMITED}\"").as_str(),
        )),
        limit => Ok(limit),
    }
}

struct WholeVisitor<const LOW: u32, const HIGH: u32>;

impl<const LOW: u32, const HIGH: u32> Visitor<'_> for WholeVisitor<LOW, HIGH> {
    type Value = u32;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a whole number from {LOW} to {HIGH}")
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<u32, E> {
        u32::try_from(number)
            .ok()
            .filter(|number| (LOW..=HIGH).contains(number))
            .ok_or_else(|| E::invalid_value(Unexpected::Signed(number), &self))
    }
}

struct LimitVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de> + PartialOrd + Default> LimitVisitor<T> {
    fn positive<E: Error>(
        self,
        number: Result<T, E>,
        given: Unexpected<'_>,
    ) -> Result<Limit<T>, E> {
        match number {
            Ok(bound) if bound > T::default() => Ok(Limit::At(bound)),
            _ => Err(E::invalid_value(given, &self)),
        }
    }
}

impl<'de, T: Deserialize<'de> + PartialOrd + Default> Visitor<'de> for LimitVisitor<T> {
    type Value = Limit<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let half: value::F64Deserializer<value::Error> = 0.5.into_deserializer();
        let noun = match T::deserialize(half) {
            Ok(_) => "number",
            Err(_) => "whole number",
        };
        write!(f, "a {noun} above zero, or \"{UNLIMITED}\"")
    }

    fn visit_str<E: Error>(self, word: &str) -> Result<Limit<T>, E> {
        match word {
            UNLIMITED => Ok(Limit::Unlimited),
            _ => Err(E::invalid_value(Unexpected::Str(word), &self)),
        }
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Limit<T>, E> {
        let deserializer: value::I64Deserializer<E> = number.into_deserializer();
        self.positive(T::deserialize(deserializer), Unexpected::Signed(number))
    }

    // TOML has signed integers only; JSON, in which limits may be stored, has these as well.
    fn visit_u64<E: Error>(self, number: u64) -> Result<Limit<T>, E> {
        let deserializer: value::U64Deserializer<E> = number.into_deserializer();
        self.positive(T::deserialize(deserializer), Unexpected::Unsigned(number))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Limit<T>, E> {
        // Infinity is spelt "unlimited", and NaN compares with nothing.
        if !number.is_finite() {
            return Err(E::invalid_value(Unexpected::Float(number), &self));
        }
        let deserializer: value::F64Deserializer<E> = number.into_deserializer();
        self.positive(T::deserialize(deserializer), Unexpected::Float(number))
    }
}
