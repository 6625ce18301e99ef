//! The one door to a guest's memory.

use crate::abi::{HostResult, Status};

/// A guest's linear memory, lent for one host call.
pub(crate) struct Memory<'a>(&'a mut [u8]);

impl<'a> Memory<'a> {
    pub(crate) fn new(bytes: &'a mut [u8]) -> Self {
        Self(bytes)
    }

    /// `len` bytes at `address`; status 6 when they are not all inside the memory.
    pub(crate) fn bytes(&self, address: u32, len: u32) -> HostResult<&[u8]> {
        let range = range(address, len);
        Ok(self.0.get(range).ok_or(Status::InvalidMemoryAccess)?)
    }

    /// As [`bytes`](Self::bytes), for text that has to be UTF-8; status 2 when it is not.
    pub(crate) fn text(&self, address: u32, len: u32) -> HostResult<&str> {
        Ok(std::str::from_utf8(self.bytes(address, len)?).map_err(|_| Status::BadArgument)?)
    }

    pub(crate) fn u32(&self, address: u32) -> HostResult<u32> {
        let bytes = self.bytes(address, 4)?;
        Ok(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }

    /// Fails as a write of `len` bytes at `address` would.
    pub(crate) fn check(&self, address: u32, len: u32) -> HostResult<()> {
        self.bytes(address, len).map(|_| ())
    }

    pub(crate) fn put(&mut self, address: u32, bytes: &[u8]) -> HostResult<()> {
        let len = u32::try_from(bytes.len()).map_err(|_| Status::InvalidMemoryAccess)?;
        let target = self.0.get_mut(range(address, len)).ok_or(Status::InvalidMemoryAccess)?;
        target.copy_from_slice(bytes);
        Ok(())
    }

    pub(crate) fn put_u32(&mut self, address: u32, value: u32) -> HostResult<()> {
        self.put(address, &value.to_le_bytes())
    }

    pub(crate) fn put_u64(&mut self, address: u32, value: u64) -> HostResult<()> {
        self.put(address, &value.to_le_bytes())
    }
}

fn range(address: u32, len: u32) -> std::ops::Range<usize> {
    // 32-bit values in a 64-bit sum: no overflow; a range past the end is refused by the slice.
    let start = address as usize;
    start..start + len as usize
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::abi::HostError;

    #[test]
    fn a_range_that_wraps_is_refused() {
        let mut bytes = [0; 16];
        let memory = Memory::new(&mut bytes);
        assert!(matches!(memory.bytes(0xFFFF_FFF0, 0x20), Err(HostError::Status(Status::InvalidMemoryAccess))));
        assert!(matches!(memory.bytes(16, 1), Err(HostError::Status(Status::InvalidMemoryAccess))));
        assert!(memory.bytes(16, 0).is_ok());
    }

    proptest! {
        #[test]
        fn every_range_is_read_or_refused(address: u32, len: u32, size in 0usize..64) {
            let mut bytes = vec![0; size];
            let inside = u64::from(address) + u64::from(len) <= size as u64;
            prop_assert_eq!(Memory::new(&mut bytes).bytes(address, len).is_ok(), inside);
        }
    }
}
