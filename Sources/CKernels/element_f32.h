// The element type of the kernel bodies included after this: float32. No guard: bodies are included once a type.
#undef ELEMENT
#undef NAME
#undef LOAD
#undef STORE
#define ELEMENT float
#define NAME(kernel) kernel##_f32
#define LOAD(x) (x)
#define STORE(x) (x)
