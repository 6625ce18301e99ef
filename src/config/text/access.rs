//! The elements of a list, the entries of a mapping and the word of an enum, for serde; each knows where it is.

use serde::de::value::{BorrowedStrDeserializer, StringDeserializer};
use serde::de::{
    DeserializeSeed, EnumAccess, Error as _, IntoDeserializer, MapAccess, SeqAccess, VariantAccess, Visitor,
};

use super::fault::Fault;
use super::read::Reader;
use super::tree::{Entry, Kind, Node};
use crate::config::place::Step;

pub(super) struct Elements<'de> {
    pub(super) list: &'de [Node],
    pub(super) next: usize,
}

impl<'de> SeqAccess<'de> for Elements<'de> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        while let Some(node) = self.list.get(self.next) {
            self.next += 1;
            if !matches!(node.kind, Kind::Hole) {
                let read = seed.deserialize(Reader(node));
                return read.map(Some).map_err(|fault| fault.inside(Step::Index(self.next - 1), node.mark));
            }
        }
        Ok(None)
    }
}

pub(super) struct Entries<'de> {
    pub(super) map: std::slice::Iter<'de, Entry>,
    pub(super) value: Option<&'de Entry>,
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        self.value = self.map.next();
        let Some(entry) = self.value else { return Ok(None) };
        let read = seed.deserialize(BorrowedStrDeserializer::<Fault>::new(&entry.key));
        read.map(Some).map_err(|fault| fault.inside(Step::Key(entry.key.clone()), entry.mark))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        let Some(entry) = self.value.take() else { return Err(Fault::custom("a value was read before its key")) };
        let read = seed.deserialize(Reader(&entry.value));
        read.map_err(|fault| fault.inside(Step::Key(entry.key.clone()), entry.value.mark))
    }
}

pub(super) struct Word<'de>(pub(super) &'de str);

impl<'de> EnumAccess<'de> for Word<'de> {
    type Error = Fault;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Fault> {
        let word: StringDeserializer<Fault> = self.0.to_owned().into_deserializer();
        seed.deserialize(word).map(|value| (value, self))
    }
}

impl<'de> VariantAccess<'de> for Word<'de> {
    type Error = Fault;

    fn unit_variant(self) -> Result<(), Fault> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, _: T) -> Result<T::Value, Fault> {
        Err(Fault::custom("expected a word"))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, Fault> {
        Err(Fault::custom("expected a word"))
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], _: V) -> Result<V::Value, Fault> {
        Err(Fault::custom("expected a word"))
    }
}
