//! How the reader steps into lists, mappings, keys and variants: here every refusal from further in
//! gets the place and the step of the key path that it passes.

use serde::de::value::BorrowedStrDeserializer;
use serde::de::{
    self, DeserializeSeed, Deserializer, EnumAccess, Error as _, MapAccess, SeqAccess,
    VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;

use super::At;
use crate::domain::ids::quoted;
use crate::domain::yaml::error::Error;
use crate::domain::yaml::tree::{Entry, Key, Node};

/// The items of a list, in order.
pub(super) struct Items<'de, 'a> {
    rest: std::slice::Iter<'de, Node<'a>>,
    index: usize,
}

impl<'de, 'a> Items<'de, 'a> {
    pub(super) fn of(items: &'de [Node<'a>]) -> Self {
        Self {
            rest: items.iter(),
            index: 0,
        }
    }

    /// How many have been read.
    pub(super) fn taken(&self) -> usize {
        self.index
    }
}

impl<'de> SeqAccess<'de> for &mut Items<'de, '_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Error> {
        let Some(node) = self.rest.next() else {
            return Ok(None);
        };
        let index = self.index;
        self.index += 1;
        seed.deserialize(At(node))
            .map(Some)
            .map_err(|error| error.at(node.mark).within_item(index))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.rest.len())
    }
}

/// The entries of a mapping, in order.
pub(super) struct Entries<'de, 'a> {
    rest: std::slice::Iter<'de, Entry<'a>>,
    current: Option<&'de Entry<'a>>,
}

impl<'de, 'a> Entries<'de, 'a> {
    pub(super) fn of(entries: &'de [Entry<'a>]) -> Self {
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
        let Some(entry) = self.rest.next() else {
            return Ok(None);
        };
        self.current = Some(entry);
        seed.deserialize(AtKey(&entry.key))
            .map(Some)
            .map_err(|error| error.at(entry.key.mark).within_key(&entry.key.text))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let Some(entry) = self.current.take() else {
            return Err(Error::custom("a value was asked for before its key"));
        };
        seed.deserialize(At(&entry.value))
            .map_err(|error| error.at(entry.value.mark).within_key(&entry.key.text))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.rest.len())
    }
}

/// A key that is being read: text, unless the type asks for a number.
struct AtKey<'de, 'a>(&'de Key<'a>);

macro_rules! number_keys {
    ($($method:ident $visit:ident $type:ty),*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            let wrong = |_| Error::new(format!(
                "expected a whole number from {} to {} as the key, found {}",
                <$type>::MIN, <$type>::MAX, quoted(&self.0.text)
            ));
            visitor.$visit(self.0.text.parse().map_err(wrong)?)
        }
    )*};
}

impl<'de> Deserializer<'de> for AtKey<'de, '_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_borrowed_str(&self.0.text)
    }

    number_keys!(
        deserialize_i8 visit_i8 i8, deserialize_i16 visit_i16 i16, deserialize_i32 visit_i32 i32,
        deserialize_i64 visit_i64 i64, deserialize_u8 visit_u8 u8, deserialize_u16 visit_u16 u16,
        deserialize_u32 visit_u32 u32, deserialize_u64 visit_u64 u64
    );

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        BorrowedStrDeserializer::new(&self.0.text).deserialize_enum(name, variants, visitor)
    }

    forward_to_deserialize_any! {
        bool i128 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }
}

/// One variant of an enum: a word, or a mapping of one key.
pub(super) struct Variant<'de, 'a> {
    name: &'de str,
    node: &'de Node<'a>,
    value: Option<&'de Node<'a>>,
}

impl<'de, 'a> EnumAccess<'de> for Variant<'de, 'a> {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Error> {
        let name: BorrowedStrDeserializer<'de, Error> = BorrowedStrDeserializer::new(self.name);
        let variant = seed
            .deserialize(name)
            .map_err(|error| error.at(self.node.mark))?;
        Ok((variant, self))
    }
}

impl<'de, 'a> Variant<'de, 'a> {
    pub(super) fn of(node: &'de Node<'a>, name: &'de str, value: Option<&'de Node<'a>>) -> Self {
        Self { name, node, value }
    }

    fn content(&self) -> Result<At<'de, 'a>, Error> {
        self.value.map(At).ok_or_else(|| {
            Error::new(format!(
                "{} needs a value: expected a mapping of this one key",
                quoted(self.name)
            ))
            .at(self.node.mark)
        })
    }

    fn named(&self, error: Error) -> Error {
        match self.value {
            Some(_) => error.within_key(self.name),
            None => error,
        }
    }
}

impl<'de> VariantAccess<'de> for Variant<'de, '_> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        match self.value {
            None => Ok(()),
            Some(node) => de::Deserialize::deserialize(At(node)).map_err(|error| self.named(error)),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Error> {
        let content = self.content()?;
        seed.deserialize(content)
            .map_err(|error| self.named(error.at(content.0.mark)))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _length: usize, visitor: V) -> Result<V::Value, Error> {
        let content = self.content()?;
        content
            .deserialize_seq(visitor)
            .map_err(|error| self.named(error))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let content = self.content()?;
        content
            .deserialize_struct("", fields, visitor)
            .map_err(|error| self.named(error))
    }
}
