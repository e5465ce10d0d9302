//! The schema that tests of pipelines share, written by hand.
#![allow(missing_docs, dead_code, unreachable_pub)]

use millstream::decode::{Fault, Reader};
use millstream::schema::{Builder, Column, Projection, Row, RowBuilder, Stored, StreamSchema};
use millstream::time::Timestamp;

pub struct Reading {
    pub device_id: String,
    pub ts: Timestamp,
    pub temperature: f64,
    pub country: Option<String>,
}

/// The borrowed view of [`Reading`].
#[derive(Clone, Copy)]
pub struct ReadingView<'a> {
    pub device_id: <String as Stored>::View<'a>,
    pub ts: <Timestamp as Stored>::View<'a>,
    pub temperature: <f64 as Stored>::View<'a>,
    pub country: <Option<String> as Stored>::View<'a>,
}

const _: () = {
    use ::millstream::__private::arrow::array::{Array, ArrayRef, StructArray};
    use ::millstream::__private::arrow::buffer::NullBuffer;
    use ::millstream::__private::arrow::datatypes::{DataType, Field, Fields, SchemaRef};
    use ::millstream::__private::std;

    /// The builders of the columns of [`Reading`].
    #[derive(Default)]
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
        fn view(&self) -> ReadingView<'_> {
            ReadingView {
                device_id: Stored::view(&self.device_id),
                ts: Stored::view(&self.ts),
                temperature: Stored::view(&self.temperature),
                country: Stored::view(&self.country),
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
                device_id: ::millstream::__private::field::<R, String>(
                    reader,
                    device_id,
                    const { uses::<P, Reading>(0) },
                    "device_id",
                )?,
                ts: ::millstream::__private::field::<R, Timestamp>(reader, ts, const { uses::<P, Reading>(1) }, "ts")?,
                temperature: ::millstream::__private::field::<R, f64>(
                    reader,
                    temperature,
                    const { uses::<P, Reading>(2) },
                    "temperature",
                )?,
                country: ::millstream::__private::field::<R, Option<String>>(
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
        fn settle(self, _arena: &'a ::millstream::__private::Arena) -> ReadingView<'a> {
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
