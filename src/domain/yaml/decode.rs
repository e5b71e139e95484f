//! Reads types from the tree. It never converts: `3` is not text, `"3"` is not a number, `3.0` is
//! not a whole number, and the refusal says what to write instead.

mod access;

use std::fmt;

use serde::de::{DeserializeOwned, Deserializer, Visitor};

use self::access::{Entries, Items, Variant};
use super::error::Error;
use super::scalar::{Plain, classify, exact_float};
use super::tree::{Entry, Kind, Node, Style};
use crate::domain::ids::quoted;

pub(super) fn decode<T: DeserializeOwned>(node: &Node<'_>) -> Result<T, Error> {
    T::deserialize(At(node)).map_err(|error| error.at(node.mark))
}

/// A node that is being read.
#[derive(Clone, Copy)]
struct At<'de, 'a>(&'de Node<'a>);

impl<'de, 'a> At<'de, 'a> {
    fn plain(self) -> Option<Plain<'de>> {
        match &self.0.kind {
            Kind::Scalar {
                text,
                style: Style::Plain,
            } => Some(classify(text)),
            _ => None,
        }
    }

    fn wrong(self, expected: impl fmt::Display) -> Error {
        Error::new(format!(
            "expected {expected}, found {}{}",
            self.found(),
            self.quotes_hint()
        ))
        .at(self.0.mark)
    }

    fn found(self) -> String {
        match &self.0.kind {
            Kind::List { .. } => "a list".to_owned(),
            Kind::Map { .. } => "a mapping".to_owned(),
            Kind::Scalar { text, .. } => match self.plain() {
                Some(Plain::Null) if text.is_empty() => "nothing".to_owned(),
                Some(Plain::Null | Plain::Bool(_)) => quoted(text),
                Some(Plain::Whole(_) | Plain::Fraction(_)) => {
                    format!("the number {}", quoted(text))
                }
                Some(Plain::NonFinite | Plain::Ambiguous(_)) => quoted(text),
                Some(Plain::Text) | None => format!("the text {}", quoted(text)),
            },
        }
    }

    /// Quoted text that would be a number or a boolean without its quotes.
    fn quotes_hint(self) -> &'static str {
        match &self.0.kind {
            Kind::Scalar {
                text,
                style: Style::Quoted,
            } if matches!(
                classify(text),
                Plain::Bool(_) | Plain::Whole(_) | Plain::Fraction(_)
            ) =>
            {
                ": remove the quotes"
            }
            _ => "",
        }
    }

    fn text(self) -> Result<&'de str, Error> {
        let Kind::Scalar { text, .. } = &self.0.kind else {
            return Err(self.wrong("text"));
        };
        match self.plain() {
            None | Some(Plain::Text | Plain::Ambiguous(_)) => Ok(text),
            Some(Plain::Null) => Err(self.wrong("text")),
            Some(_) => Err(Error::new(format!(
                "expected text, found {}: put it in quotes if it is meant as text",
                self.found()
            ))
            .at(self.0.mark)),
        }
    }

    fn whole<N: std::str::FromStr + fmt::Display>(self, least: N, most: N) -> Result<N, Error> {
        let wanted = || format!("a whole number from {least} to {most}");
        match self.plain() {
            Some(Plain::Whole(text)) => text.parse().map_err(|_| self.wrong(wanted())),
            _ => Err(self.wrong(wanted())),
        }
    }

    fn float(self, text: &str) -> Result<f64, Error> {
        exact_float(text).ok_or_else(|| {
            Error::new(format!(
                "the number {} cannot be kept exactly: expected at most 15 significant digits and an exponent below 308, or text in quotes",
                quoted(text)
            ))
            .at(self.0.mark)
        })
    }

    /// A value whose type is not known beforehand.
    fn any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let text = match &self.0.kind {
            Kind::List { items, .. } => return self.list(items, visitor),
            Kind::Map { entries, .. } => return visitor.visit_map(Entries::of(entries)),
            Kind::Scalar { text, .. } => text,
        };
        match self.plain() {
            None | Some(Plain::Text) => visitor.visit_borrowed_str(text),
            Some(Plain::Null) => visitor.visit_unit(),
            Some(Plain::Bool(value)) => visitor.visit_bool(value),
            Some(Plain::Whole(digits)) => {
                if let Ok(value) = digits.parse() {
                    return visitor.visit_u64(value);
                }
                match digits.parse() {
                    Ok(value) => visitor.visit_i64(value),
                    Err(_) => Err(self.wrong(format!(
                        "a whole number from {} to {}, or text in quotes",
                        i64::MIN,
                        u64::MAX
                    ))),
                }
            }
            Some(Plain::Fraction(digits)) => visitor.visit_f64(self.float(digits)?),
            Some(Plain::NonFinite) => Err(self.wrong("a finite number, or text in quotes")),
            Some(Plain::Ambiguous(other)) => Err(Error::new(format!(
                "{} is text to some readers of YAML and {other} to others: put it in quotes if it is text, {} if not",
                quoted(text),
                if other == "a boolean" {
                    "write `true` or `false`"
                } else {
                    "write it in plain decimal digits"
                }
            ))),
        }
    }

    fn list<V: Visitor<'de>>(self, items: &'de [Node<'a>], visitor: V) -> Result<V::Value, Error> {
        let mut access = Items::of(items);
        let value = visitor.visit_seq(&mut access)?;
        if access.taken() < items.len() {
            return Err(Error::new(format!(
                "expected a list of {}, found {} items",
                access.taken(),
                items.len()
            )));
        }
        Ok(value)
    }

    fn placed<T>(self, result: Result<T, Error>) -> Result<T, Error> {
        result.map_err(|error| error.at(self.0.mark))
    }
}

macro_rules! whole_numbers {
    ($($method:ident $visit:ident $type:ty),*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            let value = self.whole(<$type>::MIN, <$type>::MAX)?;
            self.placed(visitor.$visit(value))
        }
    )*};
}

impl<'de> Deserializer<'de> for At<'de, '_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.placed(self.any(visitor))
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.plain() {
            Some(Plain::Bool(value)) => self.placed(visitor.visit_bool(value)),
            _ => Err(self.wrong("`true` or `false`")),
        }
    }

    whole_numbers!(
        deserialize_i8 visit_i8 i8, deserialize_i16 visit_i16 i16, deserialize_i32 visit_i32 i32,
        deserialize_i64 visit_i64 i64, deserialize_i128 visit_i128 i128,
        deserialize_u8 visit_u8 u8, deserialize_u16 visit_u16 u16, deserialize_u32 visit_u32 u32,
        deserialize_u64 visit_u64 u64, deserialize_u128 visit_u128 u128
    );

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_f64(visitor)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.plain() {
            Some(Plain::Whole(text) | Plain::Fraction(text)) => {
                let value = self.float(text)?;
                self.placed(visitor.visit_f64(value))
            }
            _ => Err(self.wrong("a number")),
        }
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let text = self.text()?;
        self.placed(visitor.visit_borrowed_str(text))
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Error> {
        Err(self.wrong("bytes, which a document cannot hold"))
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.placed(match self.plain() {
            Some(Plain::Null) => visitor.visit_none(),
            _ => visitor.visit_some(self),
        })
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.plain() {
            Some(Plain::Null) => self.placed(visitor.visit_unit()),
            _ => Err(self.wrong("`null`")),
        }
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.placed(visitor.visit_newtype_struct(self))
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match &self.0.kind {
            Kind::List { items, .. } => self.placed(self.list(items, visitor)),
            _ => Err(self.wrong("a list")),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        _length: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _length: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match &self.0.kind {
            Kind::Map { entries, .. } => self.placed(visitor.visit_map(Entries::of(entries))),
            _ => Err(self.wrong("a mapping")),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match &self.0.kind {
            Kind::Map { .. } => self.deserialize_map(visitor),
            _ if fields.is_empty() => Err(self.wrong("a mapping")),
            _ => Err(self.wrong(format!("a mapping with the keys `{}`", fields.join("`, `")))),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let access = match &self.0.kind {
            Kind::Scalar { .. } => {
                let name = self.text().map_err(|_| self.wrong_variant(variants))?;
                Variant::of(self.0, name, None)
            }
            Kind::Map { entries, .. } => match entries.as_slice() {
                [Entry { key, value }] => Variant::of(self.0, &key.text, Some(value)),
                _ => return Err(self.wrong_variant(variants)),
            },
            Kind::List { .. } => return Err(self.wrong_variant(variants)),
        };
        self.placed(visitor.visit_enum(access))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }
}

impl At<'_, '_> {
    fn wrong_variant(self, variants: &[&str]) -> Error {
        self.wrong(format!("one of `{}`", variants.join("`, `")))
    }
}
