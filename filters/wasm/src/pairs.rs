//! The ABI's "serialized map": `u32 count`, then `(u32, u32)` lengths, then `key NUL value NUL`.

use crate::abi::Status;

/// Most bytes of a blob that a guest may hand over.
const MAX_BYTES: usize = 1 << 20;
/// Most pairs of a blob that a guest may hand over.
const MAX_PAIRS: usize = 1024;

/// Serializes pairs in their order. No pairs give no bytes.
pub fn encode<K: AsRef<[u8]>, V: AsRef<[u8]>>(pairs: &[(K, V)]) -> Vec<u8> {
    if pairs.is_empty() {
        return Vec::new();
    }
    let data: usize = pairs.iter().map(|(key, value)| key.as_ref().len() + value.as_ref().len() + 2).sum();
    let mut blob = Vec::with_capacity(4 + pairs.len() * 8 + data);
    put_len(&mut blob, pairs.len());
    for (key, value) in pairs {
        put_len(&mut blob, key.as_ref().len());
        put_len(&mut blob, value.as_ref().len());
    }
    for (key, value) in pairs {
        for part in [key.as_ref(), value.as_ref()] {
            blob.extend_from_slice(part);
            blob.push(0);
        }
    }
    blob
}

/// The length that [`encode`] would give.
pub(crate) fn encoded_len<'a>(pairs: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> usize {
    let (count, data) =
        pairs.fold((0, 0), |(count, data), (key, value)| (count + 1, data + key.len() + value.len() + 2));
    if count == 0 { 0 } else { 4 + count * 8 + data }
}

fn put_len(blob: &mut Vec<u8>, len: usize) {
    // Headers and configurations are far below 4 GiB; a longer part could not reach a 32-bit guest anyway.
    blob.extend_from_slice(&u32::try_from(len).unwrap_or(u32::MAX).to_le_bytes());
}

/// Keys and values, borrowed from a blob.
type Pairs<'a> = Vec<(&'a [u8], &'a [u8])>;

/// Parses a blob of a guest. No bytes, a single zero and a zero count are an empty map.
pub(crate) fn decode(blob: &[u8]) -> Result<Pairs<'_>, Status> {
    if matches!(blob, [] | [0]) {
        return Ok(Vec::new());
    }
    if blob.len() > MAX_BYTES {
        return Err(Status::BadArgument);
    }
    let (count, lens) = take_u32(blob)?;
    if count > MAX_PAIRS {
        return Err(Status::BadArgument);
    }
    let mut data = lens.get(count * 8..).ok_or(Status::BadArgument)?;
    let mut pairs = Vec::with_capacity(count);
    for len in lens.chunks_exact(8).take(count) {
        let (key_len, rest) = take_u32(len)?;
        let (value_len, _) = take_u32(rest)?;
        let (key, rest) = take_part(data, key_len)?;
        let (value, rest) = take_part(rest, value_len)?;
        data = rest;
        pairs.push((key, value));
    }
    if data.is_empty() { Ok(pairs) } else { Err(Status::BadArgument) }
}

fn take_u32(bytes: &[u8]) -> Result<(usize, &[u8]), Status> {
    let (head, rest) = bytes.split_first_chunk::<4>().ok_or(Status::BadArgument)?;
    Ok((u32::from_le_bytes(*head) as usize, rest))
}

/// `len` bytes and the byte that ends them. (One host in the field writes another byte than NUL there.)
fn take_part(data: &[u8], len: usize) -> Result<(&[u8], &[u8]), Status> {
    let (part, rest) = data.split_at_checked(len).ok_or(Status::BadArgument)?;
    let (_, rest) = rest.split_first().ok_or(Status::BadArgument)?;
    Ok((part, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_pair_is_laid_out_as_the_abi_says() {
        let blob = encode(&[("a", "bc")]);
        assert_eq!(blob, [1, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, b'a', 0, b'b', b'c', 0]);
    }

    #[test]
    fn the_empty_forms_are_empty_maps() {
        for blob in [&[][..], &[0], &[0, 0, 0, 0]] {
            assert_eq!(decode(blob), Ok(Vec::new()));
        }
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(pairs: Vec<(Vec<u8>, Vec<u8>)>) {
            let blob = encode(&pairs);
            let borrowed: Vec<_> = pairs.iter().map(|(key, value)| (key.as_slice(), value.as_slice())).collect();
            prop_assert_eq!(blob.len(), encoded_len(borrowed.iter().copied()));
            prop_assert_eq!(decode(&blob), Ok(borrowed));
        }

        #[test]
        fn any_bytes_are_parsed_or_refused(blob: Vec<u8>) {
            let _ = decode(&blob);
        }
    }
}
