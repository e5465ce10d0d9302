// from file("in/*.txt") | decode text | explode word = line.split(' ') | drop { line } | sink {rows}
fn pipeline() -> Pipeline {
    {
        #[allow(unused_imports)]
        use ::millstream::expand::Certain as _;
        #[allow(unused_imports)]
        use ::millstream::expand::Cloned as _;
        #[allow(
            unused_assignments,
            unused_labels,
            unused_variables,
            unused_parens,
            unused_braces,
            clippy::all
        )]
        let __pipeline = ::millstream::pipeline::from(
                ({
                    #[allow(unused_imports)]
                    use ::millstream::source::*;
                    file
                })("in/*.txt"),
            )
            .decode_plain(
                ({
                    #[allow(unused_imports)]
                    use ::millstream::decode::*;
                    text
                })(),
            )
            .stage("explode word = line . split (' ')")
            .stage("drop { line }")
            .rows({
                move |__item, __input, __out| {
                    '__row0: {
                        __input.open(__item.data);
                        while let ::std::option::Option::Some(__row) = __input.next() {
                            '__row1: {
                                for (__nth1, __one1) in ::millstream::operator::explode::items(
                                    (match ::millstream::expand::Attempt(__row.line.split(' '))
                                        .__value()
                                    {
                                        ::std::result::Result::Ok(__value) => __value,
                                        ::std::result::Result::Err(__fault) => {
                                            __input.failed(__fault.within("word"));
                                            break '__row1;
                                        }
                                    })
                                        .into_iter(),
                                ) {
                                    '__row2: {
                                        __input.exploded(__nth1);
                                        let __row1 = __Row1 {
                                            word: __input.settle(__one1),
                                        };
                                        if false {
                                            let _ = &__row.line;
                                        }
                                        __out
                                            .emit(
                                                ::millstream::schema::extend::Extended::<
                                                    _,
                                                    _,
                                                    __Dropped,
                                                >::new(__row, __row1),
                                            );
                                    }
                                }
                            }
                        }
                    }
                }
            })
            .sink(rows);
        #[allow(dead_code)]
        #[derive(Clone, Copy)]
        struct __Row1<C0> {
            word: C0,
        }
        ::millstream::row!(__Row1Builders, __Row1 { word : C0 });
        struct __Dropped;
        impl ::millstream::schema::extend::LeftOut for __Dropped {
            const NAMES: &'static [&'static str] = &["line"];
        }
        #[allow(dead_code)]
        struct __Used;
        impl ::millstream::schema::Projection for __Used {
            const NAMES: &'static [&'static str] = &[];
            const REST: bool = false;
            const EXCEPT: &'static [&'static str] = &["line", "word"];
            const EVENT_TIME: bool = false;
        }
        __pipeline
    }
}
