// let lines = from {source} | filter data.len() > 3; from lines | select { data } as Out | sink rows
fn pipeline() -> Pipeline {
    {
        #[allow(unused_imports)]
        use ::millstream::__private::Certain as _;
        #[allow(unused_imports)]
        use ::millstream::__private::Cloned as _;
        #[allow(
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
                            match ::millstream::__private::Attempt(__item.data.len() > 3)
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
                        if let ::std::option::Option::Some(Out { data: __field0, .. }) = ::millstream::__private::nothing::<
                            &Out,
                        >() {
                            ::millstream::__private::fits(__field0, __row1.data);
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
        const _: () = ::millstream::__private::named::<Out>(&["data"]);
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
