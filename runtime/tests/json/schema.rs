//! What `#[derive(StreamSchema)]` writes for decoding, as a macro, so that these tests need no derive.

#[macro_export]
macro_rules! schema {
    ($name:ident $view:ident { $($index:literal $key:literal $field:ident: $type:ty),* $(,)? }) => {
        #[derive(Debug, Clone, PartialEq)]
        #[allow(dead_code)]
        struct $name {
            $($field: $type,)*
        }

        #[derive(Debug, Clone, Copy)]
        #[allow(dead_code)]
        struct $view<'a> {
            $($field: <$type as ::millstream::schema::Stored>::View<'a>,)*
        }

        const _: () = {
            use ::arrow::array::{Array, ArrayRef, StructArray};
            use ::arrow::buffer::NullBuffer;
            use ::arrow::datatypes::{DataType, Field, Fields};
            use ::millstream::schema::Arena;
            use ::millstream::decode::{Fault, Reader};
            use ::millstream::schema::projection::{Inside, uses};
            use ::millstream::schema::{Builder, Column, Projection, Stored, StreamSchema};

            #[derive(Default)]
            struct Builders {
                $($field: <$type as Stored>::Builder,)*
                len: usize,
            }

            impl Builder for Builders {
                fn push_placeholder(&mut self) {
                    self.len += 1;
                    $(self.$field.push_placeholder();)*
                }
                fn len(&self) -> usize {
                    self.len
                }
                fn bulk(&self) -> usize {
                    0 $(+ self.$field.bulk())*
                }
                fn finish(&mut self, nulls: Option<NullBuffer>) -> ArrayRef {
                    self.len = 0;
                    let arrays = vec![$(self.$field.finish(None)),*];
                    std::sync::Arc::new(StructArray::new($name::fields(), arrays, nulls))
                }
            }

            impl Stored for $name {
                type View<'a> = $view<'a>;
                type Builder = Builders;
                fn data_type() -> DataType {
                    DataType::Struct($name::fields())
                }
                fn view<'a>(&'a self, arena: &'a Arena) -> $view<'a> {
                    $view { $($field: self.$field.view(arena),)* }
                }
                fn own(view: $view<'_>) -> Self {
                    $name { $($field: Stored::own(view.$field),)* }
                }
                fn push(view: $view<'_>, builder: &mut Builders) {
                    builder.len += 1;
                    $(<$type as Stored>::push(view.$field, &mut builder.$field);)*
                }
                fn load(array: &dyn Array, row: usize) -> Option<Self> {
                    let array = array.as_any().downcast_ref::<StructArray>()?;
                    Some($name { $($field: Stored::load(array.column_by_name($key)?.as_ref(), row)?,)* })
                }
            }

            impl Column for $name {
                fn read<'a, R: Reader<'a>, P: Projection>(reader: &mut R) -> Result<$view<'a>, Fault> {
                    $(let mut $field = None;)*
                    reader.object(|reader, key| match key {
                        $($key if const { uses::<P, $name>($index) } => {
                            if $field.is_some() {
                                return Err(reader.duplicate($key));
                            }
                            let value = <$type as Column>::read::<R, Inside<P, $name, $index>>(reader);
                            $field = Some(value.map_err(|fault| fault.within($key))?);
                            Ok(())
                        })*
                        _ => reader.skip(),
                    })?;
                    Ok($view {
                        $($field: ::millstream::schema::fields::field::<R, $type>(
                            reader,
                            $field,
                            const { uses::<P, $name>($index) },
                            $key,
                        )?,)*
                    })
                }
                fn unread<'a>() -> $view<'a> {
                    $view { $($field: <$type as Column>::unread(),)* }
                }
            }

            impl StreamSchema for $name {
                type Itself = $name;
                const NAME: &'static str = stringify!($name);
                const FIELDS: &'static [&'static str] = &[$($key),*];
                const EVENT_TIME: Option<&'static str> = None;
                fn fields() -> Fields {
                    Fields::from(vec![
                        $(Field::new($key, <$type as Stored>::data_type(), <$type as Stored>::NULLABLE)),*
                    ])
                }
            }
        };
    };
}
