//! The numbers of the Proxy-Wasm ABI, and how a host call ends.

use wasmtime::Error;

/// What a host call answers (ABI "proxy_status_t").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Status {
    Ok = 0,
    NotFound = 1,
    BadArgument = 2,
    SerializationFailure = 3,
    InvalidMemoryAccess = 6,
    Empty = 7,
    CasMismatch = 8,
    InternalFailure = 10,
}

/// How a host call ends when it does not end well.
#[derive(Debug)]
pub(crate) enum HostError {
    /// The guest is told, and decides.
    Status(Status),
    /// The guest broke the ABI or its limits; the vm is given up.
    Trap(Error),
}

impl From<Status> for HostError {
    fn from(status: Status) -> Self {
        Self::Status(status)
    }
}

/// The result of a host call's body.
pub(crate) type HostResult<T> = Result<T, HostError>;

/// Direction of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Request,
    Response,
}

/// ABI "proxy_buffer_type_t".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BufferType {
    Body(Side),
    Tcp,
    CallResponse,
    GrpcReceive,
    VmConfiguration,
    PluginConfiguration,
    CallData,
}

impl TryFrom<u32> for BufferType {
    type Error = Status;

    fn try_from(number: u32) -> Result<Self, Status> {
        Ok(match number {
            0 => Self::Body(Side::Request),
            1 => Self::Body(Side::Response),
            2 | 3 => Self::Tcp,
            4 => Self::CallResponse,
            5 => Self::GrpcReceive,
            6 => Self::VmConfiguration,
            7 => Self::PluginConfiguration,
            8 => Self::CallData,
            _ => return Err(Status::BadArgument),
        })
    }
}

/// ABI "proxy_map_type_t".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MapType {
    Headers(Side),
    Trailers(Side),
    Grpc,
    CallResponseHeaders,
    CallResponseTrailers,
}

impl TryFrom<u32> for MapType {
    type Error = Status;

    fn try_from(number: u32) -> Result<Self, Status> {
        Ok(match number {
            0 => Self::Headers(Side::Request),
            1 => Self::Trailers(Side::Request),
            2 => Self::Headers(Side::Response),
            3 => Self::Trailers(Side::Response),
            4 | 5 => Self::Grpc,
            6 => Self::CallResponseHeaders,
            7 => Self::CallResponseTrailers,
            _ => return Err(Status::BadArgument),
        })
    }
}

/// What a headers callback asks for (ABI "proxy_action_t" and the richer values of C++ guests).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HeadersAction {
    Continue,
    /// Hold head, body and trailers; over the body limit the exchange fails.
    HoldAndBuffer,
    /// Hold head, body and trailers; over the body limit the sender is held back.
    HoldAndWatermark,
}

impl From<u32> for HeadersAction {
    fn from(number: u32) -> Self {
        match number {
            0 | 2 => Self::Continue,
            3 => Self::HoldAndBuffer,
            _ => Self::HoldAndWatermark,
        }
    }
}

/// What a body callback asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BodyAction {
    Continue,
    /// Keep the data; the next callback sees the accumulated total.
    Buffer,
    /// Keep the data; the next callback sees the new chunk alone.
    Watermark,
    /// Forward nothing and keep nothing.
    Drop,
}

impl From<u32> for BodyAction {
    fn from(number: u32) -> Self {
        match number {
            0 => Self::Continue,
            1 => Self::Buffer,
            2 => Self::Watermark,
            _ => Self::Drop,
        }
    }
}
