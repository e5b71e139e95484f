//! Reads types from the tree. It never converts: `3` is not text, `"3"` is not a number, `3.0` is
//! not a whole number, and the refusal says what to write instead.

use std::convert::Infallible;
use std::fmt;

use serde::de::value::{BorrowedStrDeserializer, MapAccessDeserializer};
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor,
};
use serde::forward_to_deserialize_any;

use super::error::Error;
use super::scalar::{Plain, classify, exact_float};
use super::tree::{Entry, Kind, Node, Style};
use crate::domain::ids::quoted;

pub(super) fn decode<T: DeserializeOwned>(node: &Node<'_>) -> Result<T, Error> {
    T::deserialize(node).map_err(|error| error.at(node.mark))
}

impl<'de> Node<'_> {
    /// What an unquoted scalar means.
    fn plain(&'de self) -> Option<Plain<'de>> {
        match &self.kind {
            Kind::Scalar {
                text,
                style: Style::Plain,
            } => Some(classify(text)),
            _ => None,
        }
    }

    /// The text of a scalar that may be read as one.
    fn text(&'de self) -> Option<&'de str> {
        match (&self.kind, self.plain()) {
            (Kind::Scalar { text, .. }, None | Some(Plain::Text | Plain::Ambiguous(_))) => {
                Some(text)
            }
            _ => None,
        }
    }

    /// Refuses it for what it is.
    fn expected<T>(&self, expected: String) -> Result<T, Error> {
        match self.deserialize_any(Nothing { expected }) {
            Err(error) => Err(error),
            Ok(nothing) => match nothing {},
        }
    }
}

impl<'de> Deserializer<'de> for &'de Node<'_> {
    type Error = Error;

    /// A value whose type is not known beforehand, or asks for nothing special.
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let text = match &self.kind {
            Kind::List { items } => {
                let mut access = Items { items, taken: 0 };
                let value = visitor.visit_seq(&mut access)?;
                return match access.taken {
                    taken if taken < items.len() => Err(Error::new(format!(
                        "expected a list of {taken}, found {} items",
                        items.len()
                    ))),
                    _ => Ok(value),
                };
            }
            Kind::Map { entries, .. } => return visitor.visit_map(Entries::of(entries)),
            Kind::Scalar { text, .. } => text,
        };
        let remedy = match self.plain() {
            None | Some(Plain::Text) => return visitor.visit_borrowed_str(text),
            Some(Plain::Null) => return visitor.visit_unit(),
            Some(Plain::Bool(value)) => return visitor.visit_bool(value),
            Some(Plain::Whole(digits)) => match (digits.parse(), digits.parse()) {
                (Ok(value), _) => return visitor.visit_u64(value),
                (_, Ok(value)) => return visitor.visit_i64(value),
                _ => format!(
                    "expected a whole number from {} to {}, or text in quotes, found the number {}",
                    i64::MIN,
                    u64::MAX,
                    quoted(digits)
                ),
            },
            Some(Plain::Fraction(digits)) => return exact(digits, visitor),
            Some(Plain::NonFinite) => format!(
                "expected a finite number, or text in quotes, found {}",
                quoted(text)
            ),
            Some(Plain::Ambiguous(other)) => format!(
                "{} is text to some readers of YAML and {other} to others: put it in quotes if it is text, {} if not",
                quoted(text),
                match other {
                    "a boolean" => "write `true` or `false`",
                    _ => "write it in plain decimal digits",
                }
            ),
        };
        Err(Error::doubt(text, &visitor, remedy))
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.plain() {
            Some(Plain::Whole(digits)) => exact(digits, visitor),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.text() {
            Some(text) => visitor.visit_borrowed_str(text),
            None => self.deserialize_any(visitor),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.plain() {
            Some(Plain::Null) => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    /// The visitor that serde derives would take a list as well.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match &self.kind {
            Kind::Map { .. } => self.deserialize_any(visitor),
            _ if fields.is_empty() => self.expected("a mapping".to_owned()),
            _ => self.expected(format!("a mapping with the keys `{}`", fields.join("`, `"))),
        }
    }

    /// A word, or a mapping of one key.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match (self.text(), self.entries()) {
            (Some(text), _) => visitor.visit_enum(BorrowedStrDeserializer::new(text)),
            (_, Some(entries @ [_])) => {
                visitor.visit_enum(MapAccessDeserializer::new(Entries::of(entries)))
            }
            _ => self.expected(format!("one of `{}`", variants.join("`, `"))),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 char bytes byte_buf unit unit_struct seq
        tuple tuple_struct map
    }
}

fn exact<'de, V: Visitor<'de>>(digits: &str, visitor: V) -> Result<V::Value, Error> {
    match exact_float(digits) {
        Some(value) => visitor.visit_f64(value),
        None => Err(Error::doubt(
            digits,
            &visitor,
            format!(
                "the number {} cannot be kept exactly: expected at most 15 significant digits and an exponent below 308, or text in quotes",
                quoted(digits)
            ),
        )),
    }
}

/// The items of a list; a refusal from one of them gets its place and its number.
struct Items<'de, 'a> {
    items: &'de [Node<'a>],
    taken: usize,
}

impl<'de> SeqAccess<'de> for &mut Items<'de, '_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Error> {
        let index = self.taken;
        let Some(node) = self.items.get(index) else {
            return Ok(None);
        };
        self.taken += 1;
        let read = seed.deserialize(node).map(Some);
        read.map_err(|error| error.at(node.mark).within_item(index))
    }
}

/// The entries of a mapping; a refusal from one of them gets its place and its key.
struct Entries<'de, 'a> {
    rest: std::slice::Iter<'de, Entry<'a>>,
    current: Option<&'de Entry<'a>>,
}

impl<'de, 'a> Entries<'de, 'a> {
    fn of(entries: &'de [Entry<'a>]) -> Self {
        Self {
            rest: entries.iter(),
            current: None,
        }
    }
}

impl<'de> MapAccess<'de> for Entries<'de, '_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Error> {
        self.current = self.rest.next();
        let Some(Entry { key, .. }) = self.current else {
            return Ok(None);
        };
        let text: BorrowedStrDeserializer<'_, Error> = BorrowedStrDeserializer::new(&key.text);
        let read = seed.deserialize(text).map(Some);
        read.map_err(|error| error.at(key.mark).within_key(&key.text))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let Some(Entry { key, value }) = self.current else {
            return Err(Error::custom("a value was asked for before its key"));
        };
        let read = seed.deserialize(value);
        read.map_err(|error| error.at(value.mark).within_key(&key.text))
    }
}

/// Takes no value at all, and so refuses each by what it is.
struct Nothing {
    expected: String,
}

impl Visitor<'_> for Nothing {
    type Value = Infallible;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.expected)
    }
}
