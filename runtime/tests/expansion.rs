//! What the two macros write, written by hand: the shape that everything they emit must have.
#![allow(missing_docs, dead_code)]

use millstream::agg;
use millstream::decode::{Fault, Reader};
use millstream::operator::reduce::KeyedSpec;
use millstream::operator::{Window, WindowSpec};
use millstream::schema::{Builder, Column, Projection, Row, RowBuilder, Stored, StreamSchema};
use millstream::time::Timestamp;

// ---------------------------------------------------------------------------------------------------------------------
// #[derive(StreamSchema)]
struct Reading {
    device_id: String,
    ts: Timestamp,
    temperature: f64,
    country: Option<String>,
}

/// The borrowed view of [`Reading`].
#[derive(Clone, Copy)]
struct ReadingView<'a> {
    device_id: <String as Stored>::View<'a>,
    ts: <Timestamp as Stored>::View<'a>,
    temperature: <f64 as Stored>::View<'a>,
    country: <Option<String> as Stored>::View<'a>,
}

const _: () = {
    use ::arrow::array::{Array, ArrayRef, StructArray};
    use ::arrow::buffer::NullBuffer;
    use ::arrow::datatypes::{DataType, Field, Fields, SchemaRef};

    /// The builders of the columns of [`Reading`].
    #[derive(Default)]
    #[allow(unreachable_pub)]
    pub struct ReadingBuilders {
        device_id: <String as Stored>::Builder,
        ts: <Timestamp as Stored>::Builder,
        temperature: <f64 as Stored>::Builder,
        country: <Option<String> as Stored>::Builder,
        len: usize,
    }

    impl ReadingBuilders {
        fn arrays(&mut self) -> std::vec::Vec<ArrayRef> {
            self.len = 0;
            std::vec![
                self.device_id.finish(None),
                self.ts.finish(None),
                self.temperature.finish(None),
                self.country.finish(None)
            ]
        }
    }

    impl Builder for ReadingBuilders {
        fn push_placeholder(&mut self) {
            self.len += 1;
            self.device_id.push_placeholder();
            self.ts.push_placeholder();
            self.temperature.push_placeholder();
            self.country.push_placeholder();
        }
        fn len(&self) -> usize {
            self.len
        }
        fn bulk(&self) -> usize {
            self.device_id.bulk() + self.ts.bulk() + self.temperature.bulk() + self.country.bulk()
        }
        fn finish(&mut self, nulls: std::option::Option<NullBuffer>) -> ArrayRef {
            let arrays = self.arrays();
            std::sync::Arc::new(StructArray::new(<Reading as StreamSchema>::fields(), arrays, nulls))
        }
    }

    impl RowBuilder for ReadingBuilders {
        fn schema() -> SchemaRef {
            ::millstream::schema::row::schema_of(<Reading as StreamSchema>::fields())
        }
        fn len(&self) -> usize {
            self.len
        }
        fn bulk(&self) -> usize {
            Builder::bulk(self)
        }
        fn finish(&mut self) -> std::vec::Vec<ArrayRef> {
            self.arrays()
        }
    }

    impl Stored for Reading {
        type View<'a> = ReadingView<'a>;
        type Builder = ReadingBuilders;
        fn data_type() -> DataType {
            DataType::Struct(<Reading as StreamSchema>::fields())
        }
        fn view<'a>(&'a self, arena: &'a ::millstream::schema::Arena) -> ReadingView<'a> {
            ReadingView {
                device_id: Stored::view(&self.device_id, arena),
                ts: Stored::view(&self.ts, arena),
                temperature: Stored::view(&self.temperature, arena),
                country: Stored::view(&self.country, arena),
            }
        }
        fn own(view: ReadingView<'_>) -> Self {
            Reading {
                device_id: Stored::own(view.device_id),
                ts: Stored::own(view.ts),
                temperature: Stored::own(view.temperature),
                country: Stored::own(view.country),
            }
        }
        fn push(view: ReadingView<'_>, builder: &mut ReadingBuilders) {
            builder.len += 1;
            <String as Stored>::push(view.device_id, &mut builder.device_id);
            <Timestamp as Stored>::push(view.ts, &mut builder.ts);
            <f64 as Stored>::push(view.temperature, &mut builder.temperature);
            <Option<String> as Stored>::push(view.country, &mut builder.country);
        }
        fn load(array: &dyn Array, row: usize) -> std::option::Option<Self> {
            let array = array.as_any().downcast_ref::<StructArray>()?;
            std::option::Option::Some(Reading {
                device_id: Stored::load(array.column_by_name("device_id")?.as_ref(), row)?,
                ts: Stored::load(array.column_by_name("ts")?.as_ref(), row)?,
                temperature: Stored::load(array.column_by_name("temperature")?.as_ref(), row)?,
                country: Stored::load(array.column_by_name("country")?.as_ref(), row)?,
            })
        }
    }

    impl Column for Reading {
        fn read<'a, R: Reader<'a>, P: Projection>(reader: &mut R) -> std::result::Result<ReadingView<'a>, Fault> {
            use ::millstream::schema::projection::{Inside, uses};
            let mut device_id = std::option::Option::None;
            let mut ts = std::option::Option::None;
            let mut temperature = std::option::Option::None;
            let mut country = std::option::Option::None;
            reader.object(|reader, key| match key {
                "device_id" if const { uses::<P, Reading>(0) } => {
                    if device_id.is_some() {
                        return std::result::Result::Err(reader.duplicate("device_id"));
                    }
                    device_id = std::option::Option::Some(
                        <String as Column>::read::<R, Inside<P, Reading, 0>>(reader)
                            .map_err(|fault| fault.within("device_id"))?,
                    );
                    std::result::Result::Ok(())
                }
                "ts" if const { uses::<P, Reading>(1) } => {
                    ts = std::option::Option::Some(
                        <Timestamp as Column>::read::<R, Inside<P, Reading, 1>>(reader)
                            .map_err(|fault| fault.within("ts"))?,
                    );
                    std::result::Result::Ok(())
                }
                "temperature" if const { uses::<P, Reading>(2) } => {
                    temperature = std::option::Option::Some(
                        <f64 as Column>::read::<R, Inside<P, Reading, 2>>(reader)
                            .map_err(|fault| fault.within("temperature"))?,
                    );
                    std::result::Result::Ok(())
                }
                "country" if const { uses::<P, Reading>(3) } => {
                    country = std::option::Option::Some(
                        <Option<String> as Column>::read::<R, Inside<P, Reading, 3>>(reader)
                            .map_err(|fault| fault.within("country"))?,
                    );
                    std::result::Result::Ok(())
                }
                _ => reader.skip(),
            })?;
            std::result::Result::Ok(ReadingView {
                device_id: ::millstream::schema::fields::field::<R, String>(
                    reader,
                    device_id,
                    const { uses::<P, Reading>(0) },
                    "device_id",
                )?,
                ts: ::millstream::schema::fields::field::<R, Timestamp>(
                    reader,
                    ts,
                    const { uses::<P, Reading>(1) },
                    "ts",
                )?,
                temperature: ::millstream::schema::fields::field::<R, f64>(
                    reader,
                    temperature,
                    const { uses::<P, Reading>(2) },
                    "temperature",
                )?,
                country: ::millstream::schema::fields::field::<R, Option<String>>(
                    reader,
                    country,
                    const { uses::<P, Reading>(3) },
                    "country",
                )?,
            })
        }
        fn unread<'a>() -> Self::View<'a> {
            ReadingView {
                device_id: <String as Column>::unread(),
                ts: <Timestamp as Column>::unread(),
                temperature: <f64 as Column>::unread(),
                country: <Option<String> as Column>::unread(),
            }
        }
    }

    impl StreamSchema for Reading {
        type Itself = Reading;
        const NAME: &'static str = "Reading";
        const FIELDS: &'static [&'static str] = &["device_id", "ts", "temperature", "country"];
        const EVENT_TIME: std::option::Option<&'static str> = std::option::Option::Some("ts");
        fn fields() -> Fields {
            Fields::from(std::vec![
                Field::new("device_id", <String as Stored>::data_type(), <String as Stored>::NULLABLE),
                Field::new("ts", <Timestamp as Stored>::data_type(), <Timestamp as Stored>::NULLABLE),
                Field::new("temperature", <f64 as Stored>::data_type(), <f64 as Stored>::NULLABLE),
                Field::new("country", <Option<String> as Stored>::data_type(), <Option<String> as Stored>::NULLABLE)
            ])
        }
    }

    impl ::millstream::schema::Cell for ReadingView<'_> {
        type Column = Reading;
        fn put(self, builder: &mut ReadingBuilders) {
            <Reading as Stored>::push(self, builder);
        }
    }

    impl<'a> ::millstream::schema::Value<'a> for ReadingView<'a> {
        type View = ReadingView<'a>;
        fn settle(self, _arena: &'a ::millstream::schema::Arena) -> ReadingView<'a> {
            self
        }
    }

    impl Row for ReadingView<'_> {
        type Builders = ReadingBuilders;
        fn push(self, builders: &mut ReadingBuilders) {
            <Reading as Stored>::push(self, builders);
        }
    }

    impl ::millstream::schema::EventTime for ReadingView<'_> {
        fn event_time(&self) -> Timestamp {
            self.ts
        }
    }
};

// ---------------------------------------------------------------------------------------------------------------------
// pipeline! {
//     from memory(..) | decode json as Reading else skip
//     | filter temperature > {threshold}
//     | watermark 10s
//     | group_by { device_id, window = tumbling(1min) } | agg { n = count(), mean = avg(temperature), c = last(country) }
//     | filter n > 1
//     | select { .., date = window.start.date() }
//     | sink collect
// }
fn pipeline(threshold: f64, rows: millstream::sink::collect::Collect) -> millstream::Pipeline {
    // Columns after `agg`.
    #[derive(Clone, Copy)]
    struct Row1<A, B, C, D, E> {
        device_id: A,
        window: B,
        n: C,
        mean: D,
        c: E,
    }
    // Columns after `select`; only a row that reaches a sink or a group needs to be written.
    #[derive(Clone, Copy)]
    struct Row2<A, B, C, D, E, F> {
        device_id: A,
        window: B,
        n: C,
        mean: D,
        c: E,
        date: F,
    }
    ::millstream::row!(Row2Builders, Row2 { device_id: A, window: B, n: C, mean: D, c: E, date: F });

    struct Used;
    impl Projection for Used {
        const NAMES: &'static [&'static str] = &["temperature", "device_id", "country"];
        const REST: bool = false;
        const EVENT_TIME: bool = true;
    }

    let cap0 = threshold;
    ::millstream::pipeline::from(({
        use ::millstream::source::*;
        memory
    })(["{}"]))
    .decode::<Reading, Used, _>(({
        use ::millstream::decode::*;
        json
    })())
    .else_skip()
    .watermark(::millstream::time::Duration::from_secs(10))
    .keyed(
        KeyedSpec {
            name: "device_id, tumbling(1min)".to_owned(),
            keys: &["device_id"],
            window_name: "window",
            values: &["n", "mean", "c"],
            window: WindowSpec::tumbling(::millstream::time::Duration::from_secs(60)),
        },
        {
            let cap0 = ::std::clone::Clone::clone(&cap0);
            move |record, input, out| {
                input.open(record.data);
                while let ::std::option::Option::Some(row) = input.next() {
                    'row: {
                        if !::millstream::schema::Predicate::keep(row.temperature > cap0) {
                            input.filtered();
                            break 'row;
                        }
                        let at = input.watermark(::millstream::schema::EventTime::event_time(&row));
                        out.update(
                            (row.device_id,),
                            at,
                            (agg::count(), agg::avg(row.temperature), agg::last(row.country)),
                        );
                    }
                }
            }
        },
    )
    .rows(move |group, cx, out| {
        let (k0,) = group.key;
        let (v0, v1, v2) = group.values;
        let row1 = Row1 { device_id: k0, window: group.window, n: v0, mean: v1, c: v2 };
        'row: {
            if !::millstream::schema::Predicate::keep(row1.n > 1) {
                cx.filtered();
                break 'row;
            }
            let row2 = Row2 {
                device_id: row1.device_id,
                window: row1.window,
                n: row1.n,
                mean: row1.mean,
                c: row1.c,
                date: cx.settle(row1.window.start.date()),
            };
            out.emit(row2);
        }
    })
    .sink(rows)
}

fn window(window: Window) -> Window {
    window
}

#[test]
fn it_compiles() {
    let rows = millstream::sink::collect();
    let _ = pipeline(20.0, rows);
}
