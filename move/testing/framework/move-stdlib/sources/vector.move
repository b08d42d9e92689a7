/// Double of `std::vector` for unit tests. The natives are instructions of the virtual machine.
module std::vector {
    const E_INDEX_OUT_OF_BOUNDS: u64 = 0x20000;

    #[bytecode_instruction]
    native public fun empty<Element>(): vector<Element>;
    #[bytecode_instruction]
    native public fun length<Element>(self: &vector<Element>): u64;
    #[bytecode_instruction]
    native public fun borrow<Element>(self: &vector<Element>, index: u64): &Element;
    #[bytecode_instruction]
    native public fun borrow_mut<Element>(self: &mut vector<Element>, index: u64): &mut Element;
    #[bytecode_instruction]
    native public fun push_back<Element>(self: &mut vector<Element>, element: Element);
    #[bytecode_instruction]
    native public fun pop_back<Element>(self: &mut vector<Element>): Element;
    #[bytecode_instruction]
    native public fun swap<Element>(self: &mut vector<Element>, left: u64, right: u64);
    #[bytecode_instruction]
    native public fun destroy_empty<Element>(self: vector<Element>);

    public fun singleton<Element>(element: Element): vector<Element> {
        let result = empty();
        push_back(&mut result, element);
        result
    }

    public fun is_empty<Element>(self: &vector<Element>): bool {
        length(self) == 0
    }

    public fun index_of<Element>(self: &vector<Element>, element: &Element): (bool, u64) {
        let index = 0;
        while (index < length(self)) {
            if (borrow(self, index) == element) return (true, index);
            index = index + 1;
        };
        (false, 0)
    }

    public fun contains<Element>(self: &vector<Element>, element: &Element): bool {
        let (found, _) = index_of(self, element);
        found
    }

    public fun reverse<Element>(self: &mut vector<Element>) {
        let count = length(self);
        let index = 0;
        while (index < count / 2) {
            swap(self, index, count - index - 1);
            index = index + 1;
        }
    }

    public fun append<Element>(self: &mut vector<Element>, other: vector<Element>) {
        reverse(&mut other);
        while (!is_empty(&other)) push_back(self, pop_back(&mut other));
        destroy_empty(other);
    }

    public fun swap_remove<Element>(self: &mut vector<Element>, index: u64): Element {
        assert!(index < length(self), E_INDEX_OUT_OF_BOUNDS);
        let last = length(self) - 1;
        swap(self, index, last);
        pop_back(self)
    }
}
