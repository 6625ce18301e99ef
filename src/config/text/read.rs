//! A tree as a serde `Deserializer`: knows for every refusal where it lies.

use serde::de::{self, DeserializeSeed, Deserializer, Error as _, Visitor};
use serde::forward_to_deserialize_any;

use super::access::{Elements, Entries, Word};
use super::fault::Fault;
use super::scalar::resolve;
use super::tree::{Kind, Node, Written};

/// Reads one node.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a>(pub(super) &'a Node);

/// The "newtype" that a type reads which takes a word or a number: a replaced text may then be either.
pub(in crate::config) const WORD_OR_NUMBER: &str = "word or number";

/// Reads no value: refuses whatever is there, with this message and hint. For values that came at the wrong place.
pub(in crate::config) struct Refused<'m> {
    pub(in crate::config) message: &'m str,
    pub(in crate::config) hint: &'m str,
}

impl<'de> DeserializeSeed<'de> for Refused<'_> {
    type Value = std::convert::Infallible;

    fn deserialize<D: Deserializer<'de>>(self, _: D) -> Result<Self::Value, D::Error> {
        Err(super::refuse(self.message, self.hint))
    }
}

impl<'de> Reader<'de> {
    /// Where a number or truth value is asked for, a replaced text may be one.
    fn scalar<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match (&self.0.kind, &self.0.written) {
            (Kind::Text(text), Written::Replaced) => visit_scalar(&resolve(text), visitor),
            _ => self.deserialize_any(visitor),
        }
    }
}

fn visit_scalar<'de, V: Visitor<'de>>(kind: &Kind, visitor: V) -> Result<V::Value, Fault> {
    match kind {
        Kind::Bool(value) => visitor.visit_bool(*value),
        Kind::Number(number) => visit_number(number, visitor),
        Kind::Text(text) => visitor.visit_str(text),
        Kind::Null | Kind::Hole | Kind::List(_) | Kind::Map(_) => visitor.visit_unit(),
    }
}

/// A number into a visitor, as the narrowest of serde's three kinds.
fn visit_number<'de, V: Visitor<'de>>(number: &serde_json::Number, visitor: V) -> Result<V::Value, Fault> {
    match (number.as_u64(), number.as_i64(), number.as_f64()) {
        (Some(number), ..) => visitor.visit_u64(number),
        (_, Some(number), _) => visitor.visit_i64(number),
        (.., Some(number)) => visitor.visit_f64(number),
        _ => Err(Fault::custom("this number is too large")),
    }
}

macro_rules! scalars {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
            self.scalar(visitor)
        })*
    };
}

impl<'de> Deserializer<'de> for Reader<'de> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.0.kind {
            Kind::Text(text) => visitor.visit_borrowed_str(text),
            Kind::List(list) => visitor.visit_seq(Elements { list, next: 0 }),
            Kind::Map(map) => visitor.visit_map(Entries { map: map.iter(), value: None }),
            scalar => visit_scalar(scalar, visitor),
        }
    }

    scalars! {
        deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128 deserialize_f32 deserialize_f64
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.0.text() {
            Some(text) => visitor.visit_borrowed_str(text),
            None => self.deserialize_any(visitor),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.0.kind {
            Kind::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, Fault> {
        if name == WORD_OR_NUMBER { self.scalar(visitor) } else { visitor.visit_newtype_struct(self) }
    }

    /// A key with nothing behind it is an empty list.
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.0.kind {
            Kind::Null => visitor.visit_seq(Elements { list: &[], next: 0 }),
            _ => self.deserialize_any(visitor),
        }
    }

    /// A key with nothing behind it is an empty mapping.
    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.0.kind {
            Kind::Null => visitor.visit_map(Entries { map: [].iter(), value: None }),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match self.0.kind {
            // A derived `visit_seq` would take a list for the fields in their order.
            Kind::List(_) => Err(Fault::invalid_type(de::Unexpected::Seq, &"a mapping")),
            _ => self.deserialize_map(visitor),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match self.0.text() {
            Some(word) => visitor.visit_enum(Word(word)),
            None => self.deserialize_any(visitor),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! { char bytes byte_buf unit unit_struct tuple tuple_struct identifier }
}
