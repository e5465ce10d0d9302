//! The typed steps from a source to a [`Pipeline`].

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use bumpalo::Bump;

use super::{AnySource, KeyedPlan, Pipeline, Plan};
use crate::agg::Finish;
use crate::decode::{Decoder, Fault, Format, PlainFormat};
use crate::operator::chain::{Chain, KeyedSide, MapSide, Settings};
use crate::operator::input::{Input, Policy};
use crate::operator::key::Key;
use crate::operator::keyed::{Group, Keyed};
use crate::operator::reduce::{KeyedSpec, Reduce};
use crate::operator::regroup::regroup;
use crate::operator::state_rows::types;
use crate::operator::stateless::{After, Context, Gather, Map};
use crate::schema::projection::uses;
use crate::schema::{Projection, RowBuilder, Rows, StreamSchema};
use crate::sink::{Accepts, Append, OutputMode, Sink};
use crate::source::Source;

/// Begins a pipeline.
pub fn from<S: Source>(source: S) -> From<S> {
    From { source }
}

/// A source.
pub struct From<S> {
    source: S,
}

impl<S: Source> From<S> {
    /// Decodes records into rows of schema `T` of which the fields in `P` are used
    /// ([`All`](crate::schema::All) for every field).
    pub fn decode<T: StreamSchema, P: Projection, F: Format>(self, format: F) -> Decoded<S, F::Decoder<T, P>> {
        let words = format!("{} as {}", format.describe(), T::NAME);
        let used = T::FIELDS.iter().enumerate().filter(|(field, _)| uses::<P, T>(*field)).map(|(_, name)| *name);
        let mut decoded = self.with(format.decoder::<T, P>(), words, used.collect());
        decoded.head.event_time = T::EVENT_TIME.map(str::to_owned);
        decoded
    }

    /// Decodes records into the rows of a format that has its own, such as `text`.
    pub fn decode_plain<F: PlainFormat>(self, format: F) -> Decoded<S, F::Decoder> {
        let words = format.describe();
        self.with(format.decoder(), words, Vec::new())
    }

    /// Leaves records as they are: the record is the row.
    pub fn undecoded(self) -> Decoded<S, Undecoded> {
        self.with(Undecoded, String::new(), Vec::new())
    }

    fn with<D: Decoder>(self, decoder: D, decode: String, used: Vec<&'static str>) -> Decoded<S, D> {
        Decoded {
            head: Head {
                source: Arc::new(self.source),
                decode,
                used,
                policy: Policy::default(),
                dead_letters: None,
                late: Policy::Skip,
                late_letters: None,
                event_time: None,
                watermark: None,
                stages: Vec::new(),
            },
            decoder: Arc::new(decoder),
            source: PhantomData,
        }
    }
}

/// The decoder of a chain that has none: every payload is one row without columns.
pub struct Undecoded;

impl Decoder for Undecoded {
    type Row<'a> = ();
    type Scratch = ();
    fn next<'a>(&self, _: &'a [u8], at: &mut usize, _: &'a Bump, (): &mut ()) -> Result<Option<()>, Fault> {
        *at += 1;
        Ok((*at == 1).then_some(()))
    }
}

/// What is known before the first closure.
struct Head {
    source: Arc<dyn AnySource>,
    decode: String,
    used: Vec<&'static str>,
    policy: Policy,
    dead_letters: Option<Arc<dyn Sink>>,
    late: Policy,
    late_letters: Option<Arc<dyn Sink>>,
    /// What the watermark goes by, in the user's words.
    event_time: Option<String>,
    watermark: Option<Duration>,
    stages: Vec<String>,
}

fn keyed_plan<K: Key, A: Finish>(spec: KeyedSpec) -> KeyedPlan {
    let mut functions = Vec::new();
    A::names(&mut functions);
    let mut nullable = Vec::new();
    K::nullables(&mut nullable);
    KeyedPlan { spec, keys: types::<K>(), nullable, values: types::<A>(), functions, regroup: regroup::<K, A> }
}

type MakeMap = Arc<dyn Fn(Settings) -> Box<dyn MapSide> + Send + Sync>;
type MakeKeyed = Arc<dyn Fn(Settings) -> Box<dyn KeyedSide> + Send + Sync>;

/// A source and its decoder.
pub struct Decoded<S, D> {
    head: Head,
    decoder: Arc<D>,
    source: PhantomData<fn() -> S>,
}

impl<S: Source, D: Decoder> Decoded<S, D> {
    /// Leaves out records that cannot be decoded, and counts them.
    #[must_use]
    pub fn else_skip(mut self) -> Self {
        self.head.policy = Policy::Skip;
        self
    }

    /// Stops at the first record that cannot be decoded; the default.
    #[must_use]
    pub fn else_fail(mut self) -> Self {
        self.head.policy = Policy::Fail;
        self
    }

    /// Sends records that cannot be decoded to a sink, in the same epoch.
    #[must_use]
    pub fn else_dead_letter(mut self, sink: impl Accepts<Append>) -> Self {
        self.head.policy = Policy::DeadLetter;
        self.head.dead_letters = Some(Arc::new(sink));
        self
    }

    /// Leaves out rows that come too late for their groups, and counts them; the default.
    #[must_use]
    pub fn late_skip(mut self) -> Self {
        self.head.late = Policy::Skip;
        self
    }

    /// Stops at the first row that comes too late for its groups.
    #[must_use]
    pub fn late_fail(mut self) -> Self {
        self.head.late = Policy::Fail;
        self
    }

    /// Sends the records of rows that come too late for their groups to a sink, in the same epoch.
    #[must_use]
    pub fn late_dead_letter(mut self, sink: impl Accepts<Append>) -> Self {
        self.head.late = Policy::DeadLetter;
        self.head.late_letters = Some(Arc::new(sink));
        self
    }

    /// How far the watermark stays behind the latest event time of a partition. The closure says which time that is, by
    /// [`Input::watermark`].
    #[must_use]
    pub fn watermark(mut self, delay: Duration) -> Self {
        self.head.watermark = Some(delay);
        self
    }

    /// What `explain` says that the watermark goes by; by default the field of the schema that is marked
    /// `#[stream(event_time)]`.
    #[must_use]
    pub fn event_time(mut self, words: impl Into<String>) -> Self {
        self.head.event_time = Some(words.into());
        self
    }

    /// A line of `explain`: a stage in the user's words.
    #[must_use]
    pub fn stage(mut self, words: impl Into<String>) -> Self {
        self.head.stages.push(words.into());
        self
    }

    /// The rest of the chain up to the sink, as a closure over each record.
    pub fn rows<B, F>(self, closure: F) -> Unsunk<B>
    where
        B: RowBuilder,
        F: for<'a> Fn(S::Record<'a>, &mut Input<'a, D>, &mut Rows<B>) + Clone + Send + Sync + 'static,
    {
        let map = self.map(closure, |_| Rows::<B>::default());
        Unsunk { head: self.head, map, keyed: Vec::new(), specs: Vec::new(), builders: PhantomData }
    }

    /// The chain up to a keyed stage, as a closure over each record.
    pub fn keyed<K, A, F>(self, spec: KeyedSpec, closure: F) -> Grouped<K, A>
    where
        K: Key,
        A: Finish,
        F: for<'a> Fn(S::Record<'a>, &mut Input<'a, D>, &mut Keyed<K, A>) + Clone + Send + Sync + 'static,
    {
        let window = spec.window;
        let map = self.map(closure, move |settings| Keyed::new(window, settings));
        Grouped { head: self.head, map, keyed: Vec::new(), specs: vec![keyed_plan::<K, A>(spec)], types: PhantomData }
    }

    fn map<F, O>(&self, closure: F, out: impl Fn(Settings) -> O + Send + Sync + 'static) -> MakeMap
    where
        F: for<'a> Fn(S::Record<'a>, &mut Input<'a, D>, &mut O) + Clone + Send + Sync + 'static,
        O: Gather + 'static,
    {
        let (decoder, policy) = (Arc::clone(&self.decoder), self.head.policy);
        Arc::new(move |settings| {
            let (closure, decoder, out) = (closure.clone(), Arc::clone(&decoder), out(settings));
            Box::new(Map::<S, D, F, O>::new(closure, decoder, policy, settings, out))
        })
    }
}

/// A chain that ends in a keyed stage with keys `K` and accumulators `A`.
pub struct Grouped<K, A> {
    head: Head,
    map: MakeMap,
    keyed: Vec<MakeKeyed>,
    specs: Vec<KeyedPlan>,
    types: PhantomData<fn() -> (K, A)>,
}

impl<K: Key, A: Finish> Grouped<K, A> {
    /// A line of `explain`: a stage in the user's words.
    #[must_use]
    pub fn stage(mut self, words: impl Into<String>) -> Self {
        self.head.stages.push(words.into());
        self
    }

    /// The rest of the chain up to the sink, as a closure over each group that the output mode gives on.
    pub fn rows<B, G>(mut self, closure: G) -> Unsunk<B>
    where
        B: RowBuilder,
        G: for<'a> Fn(Group<'a, K, A>, &mut Context<'a>, &mut Rows<B>) + Clone + Send + Sync + 'static,
    {
        self.then(closure, |_| Rows::<B>::default());
        Unsunk { head: self.head, map: self.map, keyed: self.keyed, specs: self.specs, builders: PhantomData }
    }

    /// The chain up to another keyed stage, as a closure over each group that has ended.
    pub fn keyed<K2, A2, G>(mut self, spec: KeyedSpec, closure: G) -> Grouped<K2, A2>
    where
        K2: Key,
        A2: Finish,
        G: for<'a> Fn(Group<'a, K, A>, &mut Context<'a>, &mut Keyed<K2, A2>) + Clone + Send + Sync + 'static,
    {
        let window = spec.window;
        self.then(closure, move |_| Keyed::new(window, Settings::default()));
        self.specs.push(keyed_plan::<K2, A2>(spec));
        Grouped { head: self.head, map: self.map, keyed: self.keyed, specs: self.specs, types: PhantomData }
    }

    fn then<G, O>(&mut self, closure: G, out: impl Fn(Settings) -> O + Send + Sync + 'static)
    where
        G: for<'a> Fn(Group<'a, K, A>, &mut Context<'a>, &mut O) + Clone + Send + Sync + 'static,
        O: Gather + 'static,
    {
        let Some(spec) = self.specs.last().map(|keyed| keyed.spec.clone()) else { return };
        self.keyed.push(Arc::new(move |settings| {
            let after = After::new(closure.clone(), out(settings));
            Box::new(Reduce::<K, A, _>::new(spec.clone(), settings.mode, after))
        }));
    }
}

/// A chain that makes rows of the builders `B` and needs a sink.
pub struct Unsunk<B> {
    head: Head,
    map: MakeMap,
    keyed: Vec<MakeKeyed>,
    specs: Vec<KeyedPlan>,
    builders: PhantomData<fn() -> B>,
}

impl<B: RowBuilder> Unsunk<B> {
    /// A line of `explain`: a stage in the user's words.
    #[must_use]
    pub fn stage(mut self, words: impl Into<String>) -> Self {
        self.head.stages.push(words.into());
        self
    }

    /// Sends the rows to a sink, in mode append.
    pub fn sink<K: Accepts<Append>>(self, sink: K) -> Pipeline {
        self.sink_in(Append, sink)
    }

    /// Sends the rows to a sink, in the mode [`Append`], [`Update`](crate::sink::Update) or
    /// [`Complete`](crate::sink::Complete).
    pub fn sink_in<M: OutputMode, K: Accepts<M>>(self, _mode: M, sink: K) -> Pipeline {
        let (map, keyed) = (self.map, self.keyed);
        let settings = Settings { mode: M::MODE, late: self.head.late };
        let chain = move || Chain { map: map(settings), keyed: keyed.iter().map(|make| make(settings)).collect() };
        Pipeline::new(Plan {
            source: self.head.source,
            decode: self.head.decode,
            used: self.head.used,
            policy: self.head.policy,
            dead_letters: self.head.dead_letters,
            late: self.head.late,
            late_letters: self.head.late_letters,
            mode: M::MODE,
            event_time: self.head.event_time,
            watermark: self.head.watermark,
            keyed: self.specs,
            chain: Arc::new(chain),
            schema: B::schema(),
            sink: Arc::new(sink),
            stages: self.head.stages,
        })
    }
}
