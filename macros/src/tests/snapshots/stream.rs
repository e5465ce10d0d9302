// let lines = from {source} | filter data.len() > 3; from lines | select { data } as Out | sink rows
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
        let __pipeline = ::millstream::pipeline::from(source)
            .undecoded()
            .stage("filter data . len () > 3")
            .stage("select { data } as Out")
            .rows({
                move |__item, __input, __out| {
                    '__row0: {
                        __input.undecoded();
                        if !::millstream::schema::Predicate::keep(
                            match ::millstream::expand::Attempt(__item.data.len() > 3)
                                .__value()
                            {
                                ::std::result::Result::Ok(__value) => __value,
                                ::std::result::Result::Err(__fault) => {
                                    __input.failed(__fault);
                                    break '__row0;
                                }
                            },
                        ) {
                            __input.filtered();
                            break '__row0;
                        }
                        let __row1 = __Row1 { data: __item.data };
                        if let ::std::option::Option::Some(Out { data: __field0, .. }) = ::std::option::Option::<
                            &Out,
                        >::None {
                            if let ::std::option::Option::Some(mut __column) = ::millstream::schema::declared::view_of(
                                __field0,
                            ) {
                                __column = __row1.data;
                            }
                        }
                        __out.emit(__row1);
                    }
                }
            })
            .sink(
                ({
                    #[allow(unused_imports)]
                    use ::millstream::sink::*;
                    rows
                }),
            );
        #[allow(dead_code)]
        #[derive(Clone, Copy)]
        struct __Row1<C0> {
            data: C0,
        }
        ::millstream::row!(__Row1Builders, __Row1 { data : C0 });
        {
            #[allow(unused_variables)]
            let lines = ();
            #[allow(unused_variables)]
            let lines = ();
            let _ = lines;
            let _ = lines;
        }
        const _: () = ::millstream::schema::declared::named::<Out>(&["data"]);
        #[allow(dead_code)]
        struct __Used;
        impl ::millstream::schema::Projection for __Used {
            const NAMES: &'static [&'static str] = &[];
            const REST: bool = false;
            const EXCEPT: &'static [&'static str] = &[];
            const EVENT_TIME: bool = false;
        }
        __pipeline
    }
}
