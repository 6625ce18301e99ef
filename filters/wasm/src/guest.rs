//! The data of a vm's store: its contexts, and what the host calls of the running callback act on.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use dispatch::Scope;
use futures_util::future::BoxFuture;
use http::{HeaderMap, response};
use wasmtime::TypedFunc;

use crate::abi::{HostError, HostResult, Side, Status};
use crate::limits::{CpuBudget, MemoryLimit};
use crate::plugin::Plugin;
use crate::stream::Stream;

/// Id of the root context. A vm holds one plugin, so it has one root.
pub(crate) const ROOT: u32 = 1;

/// What the guest is in the middle of; some host calls are for some phases only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// `_initialize`, `_start`: before any context exists.
    Starting,
    /// `proxy_get_id`: buffer 8 is writable.
    Announcing,
    /// `proxy_on_vm_start`.
    VmStart,
    /// `proxy_on_context_create` and `proxy_on_configure` of the root: buffer 7 is readable.
    Configuring,
    /// Callbacks of streams and of the running root.
    Running,
    /// The allocator, called from inside a host call.
    Allocating,
}

/// The answer of a callout, readable while its callback runs.
pub(crate) struct CallResponse {
    pub(crate) head: Option<response::Parts>,
    pub(crate) body: Bytes,
    pub(crate) trailers: HeaderMap,
}

/// A callout that a host call has admitted and that starts when the guest call has returned.
pub(crate) struct Outgoing {
    pub(crate) token: u32,
    /// The stream that asked, for its record and its signal.
    pub(crate) stream: Option<u32>,
    pub(crate) answer: BoxFuture<'static, dispatch::HttpAnswer>,
}

/// A change of a stream that a host call asked for and that waits for the callback's return value.
#[derive(Debug)]
pub(crate) enum Action {
    Resume(Side),
    Reply(Box<chain::Response>),
    Close,
}

/// Store data.
pub(crate) struct Guest {
    pub(crate) plugin: Arc<Plugin>,
    pub(crate) memory: Option<wasmtime::Memory>,
    pub(crate) allocator: Option<TypedFunc<u32, u32>>,
    pub(crate) limit: MemoryLimit,
    pub(crate) budget: CpuBudget,
    /// Whether the vm runs on fibers.
    pub(crate) yielding: bool,
    pub(crate) phase: Phase,
    pub(crate) streams: HashMap<u32, Stream, BuildHasherDefault<IdHasher>>,
    /// The context of the running callback.
    pub(crate) current: u32,
    /// What `proxy_set_effective_context` chose for the running callback.
    pub(crate) effective: Option<u32>,
    /// Buffer 8.
    pub(crate) call_data: BytesMut,
    /// Buffer 4 and maps 6 and 7.
    pub(crate) call_response: Option<CallResponse>,
    /// What `proxy_get_status` tells.
    pub(crate) last_status: (u32, &'static str),
    pub(crate) outgoing: Vec<Outgoing>,
    pub(crate) actions: Vec<(u32, Action)>,
    last_token: u32,
    /// Set by `proxy_set_tick_period_milliseconds` and taken when the call has returned.
    pub(crate) new_tick_period: Option<Duration>,
    /// Queues that the vm has registered and that are not yet announced to it.
    pub(crate) registered_queues: Vec<u32>,
    /// Time that host calls of the running guest call have waited.
    pub(crate) waited: Duration,
    /// Host calls of the running guest call that left through dispatch.
    pub(crate) calls_out: u32,
    /// Properties that the root context has set.
    pub(crate) root_properties: HashMap<Vec<u8>, Bytes>,
}

impl Guest {
    pub(crate) fn new(plugin: Arc<Plugin>, yielding: bool) -> Self {
        Self {
            limit: MemoryLimit::new(plugin.settings.limits.memory),
            plugin,
            memory: None,
            allocator: None,
            budget: CpuBudget::new(),
            yielding,
            phase: Phase::Starting,
            streams: HashMap::default(),
            current: ROOT,
            effective: None,
            call_data: BytesMut::new(),
            call_response: None,
            last_status: (0, ""),
            outgoing: Vec::new(),
            actions: Vec::new(),
            last_token: 0,
            new_tick_period: None,
            registered_queues: Vec::new(),
            waited: Duration::ZERO,
            calls_out: 0,
            root_properties: HashMap::new(),
        }
    }

    /// The context that host calls act on.
    pub(crate) fn context(&self) -> u32 {
        self.effective.unwrap_or(self.current)
    }

    /// The stream that host calls act on, unless they act on the root.
    pub(crate) fn stream(&self) -> Option<&Stream> {
        self.streams.get(&self.context())
    }

    /// As [`stream`](Self::stream), to change it.
    pub(crate) fn stream_mut(&mut self) -> Option<&mut Stream> {
        let context = self.context();
        self.streams.get_mut(&context)
    }

    /// What the host calls of the current context may reach.
    pub(crate) fn scope(&self) -> Option<Arc<Scope>> {
        match self.stream() {
            Some(stream) => stream.scope.clone(),
            None => self.plugin.root_scope(),
        }
    }

    /// Queues a change of the current stream; without one, nothing happens.
    pub(crate) fn act(&mut self, action: Action) {
        let context = self.context();
        if self.streams.contains_key(&context) {
            self.actions.push((context, action));
        }
    }

    /// Whether the callback has asked for something that starts after it.
    pub(crate) fn has_news(&self) -> bool {
        !self.outgoing.is_empty() || self.new_tick_period.is_some() || !self.registered_queues.is_empty()
    }

    /// A token for a callout: unique while the vm lives, its low bits saying "HTTP" as in Envoy.
    pub(crate) fn next_token(&mut self) -> u32 {
        self.last_token = self.last_token.wrapping_add(4).max(4);
        self.last_token
    }

    /// Whether the running phase allows a host call.
    pub(crate) fn admit(&self, name: &'static str, early: bool) -> HostResult<()> {
        match self.phase {
            Phase::Running | Phase::Configuring | Phase::VmStart | Phase::Announcing => Ok(()),
            _ if early => Ok(()),
            Phase::Starting => Err(trap(format!("the guest called `{name}` before it had a context"))),
            Phase::Allocating => Err(trap(format!("the guest called `{name}` from inside its allocator"))),
        }
    }
}

pub(crate) fn trap(reason: String) -> HostError {
    HostError::Trap(wasmtime::Error::msg(reason))
}

/// Ids are handed out one by one: they are hashed enough as they are.
#[derive(Default)]
pub(crate) struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.wrapping_mul(31).wrapping_add(u64::from(*byte));
        }
    }

    fn write_u32(&mut self, id: u32) {
        // hashbrown looks at the top bits too.
        self.0 = u64::from(id).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
}

/// The status that says "nothing is here".
pub(crate) fn not_found() -> HostError {
    Status::NotFound.into()
}
