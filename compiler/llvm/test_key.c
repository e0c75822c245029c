/* test_key.c - keys are equal where functions are, and differ where these differ in anything at all. */
#include "compiler/llvm/key.h"

#include <criterion/criterion.h>
#include <llvm-c/IRReader.h>
#include <string.h>

/* Bodies of void(ptr %p, i64 %n, <4 x float> %v, double %d); each differs from every other one. */
static const char *const bodies[] = {
    "ret void",
    "%a = add i64 %n, 1\nret void",
    "%a = add nsw i64 %n, 1\nret void",
    "%a = add nuw i64 %n, 1\nret void",
    "%a = add i64 %n, 2\nret void",
    "%a = add i64 %n, %n\nret void",
    "%a = sub i64 %n, 1\nret void",
    "%a = add i64 %n, 1\n%b = add i64 %a, %n\nret void",
    "%a = add i64 %n, 1\n%b = add i64 %n, %a\nret void",
    "%a = udiv i64 %n, 3\nret void",
    "%a = udiv exact i64 %n, 3\nret void",
    "%a = or i64 %n, 3\nret void",
    "%a = or disjoint i64 %n, 3\nret void",
    "%a = trunc i64 %n to i32\nret void",
    "%a = trunc i64 %n to i8\nret void",
    "%a = trunc i64 %n to i32\n%b = zext i32 %a to i64\nret void",
    "%a = trunc i64 %n to i32\n%b = zext nneg i32 %a to i64\nret void",
    "%a = trunc i64 %n to i32\n%b = sext i32 %a to i64\nret void",
    "%a = icmp slt i64 %n, 3\nret void",
    "%a = icmp ult i64 %n, 3\nret void",
    "%a = fcmp olt double %d, 3.0\nret void",
    "%a = fcmp ult double %d, 3.0\nret void",
    "%a = fadd double %d, 0.0\nret void",
    "%a = fadd double %d, -0.0\nret void",
    "%a = fadd double %d, 0x7FF8000000000000\nret void",
    "%a = fadd double %d, 0x7FF8000000000001\nret void",
    "%a = fadd nnan double %d, 0.0\nret void",
    "%a = fadd <4 x float> %v, zeroinitializer\nret void",
    "%a = fadd <4 x float> %v, <float 1.0, float 1.0, float 1.0, float 1.0>\nret void",
    "%a = fadd <4 x float> %v, <float 1.0, float 1.0, float 1.0, float 2.0>\nret void",
    "%a = fadd <4 x float> %v, undef\nret void",
    "%a = fadd <4 x float> %v, poison\nret void",
    "%a = load float, ptr %p, align 4\nret void",
    "%a = load float, ptr %p, align 64\nret void",
    "%a = load volatile float, ptr %p, align 4\nret void",
    "%a = load double, ptr %p, align 4\nret void",
    "%a = load <4 x float>, ptr %p, align 4\nret void",
    "%a = load <8 x float>, ptr %p, align 4\nret void",
    "store <4 x float> %v, ptr %p, align 4\nret void",
    "store <4 x float> %v, ptr %p, align 16\nret void",
    "%a = getelementptr float, ptr %p, i64 %n\nret void",
    "%a = getelementptr inbounds float, ptr %p, i64 %n\nret void",
    "%a = getelementptr double, ptr %p, i64 %n\nret void",
    "%a = getelementptr float, ptr %p, i64 7\nret void",
    "%a = getelementptr float, ptr %p, i32 7\nret void",
    "%a = alloca float, i64 8, align 4\nret void",
    "%a = alloca float, i64 8, align 64\nret void",
    "%a = alloca i32, i64 8, align 4\nret void",
    "%a = shufflevector <4 x float> %v, <4 x float> %v, <2 x i32> <i32 0, i32 1>\nret void",
    "%a = shufflevector <4 x float> %v, <4 x float> %v, <2 x i32> <i32 0, i32 2>\nret void",
    "%a = shufflevector <4 x float> %v, <4 x float> %v, <2 x i32> <i32 0, i32 undef>\nret void",
    "%a = extractelement <4 x float> %v, i32 1\nret void",
    "%a = extractelement <4 x float> %v, i32 2\nret void",
    "%a = call double @f(double %d)\nret void",
    "%a = call double @g(double %d)\nret void",
    "%a = tail call double @f(double %d)\nret void",
    "%a = call fastcc double @f(double %d)\nret void",
    "%a = call nnan double @f(double %d)\nret void",
    "%a = load double, ptr @x\nret void",
    "%a = load double, ptr @y\nret void",
    "%a = load double, ptr getelementptr (i8, ptr @x, i64 8)\nret void",
    "%a = load double, ptr getelementptr (i8, ptr @x, i64 16)\nret void",
    "%a = atomicrmw add ptr %p, i64 %n seq_cst\nret void",
    "%a = atomicrmw sub ptr %p, i64 %n seq_cst\nret void",
    "%c = icmp eq i64 %n, 0\nbr i1 %c, label %x, label %y\nx:\nbr label %y\ny:\n%a = phi i64 [1, %x], [2, %0]\nret void",
    "%c = icmp eq i64 %n, 0\nbr i1 %c, label %x, label %y\nx:\nbr label %y\ny:\n%a = phi i64 [2, %x], [1, %0]\nret void",
    "%c = icmp eq i64 %n, 0\nbr i1 %c, label %y, label %x\nx:\nbr label %y\ny:\n%a = phi i64 [1, %x], [2, %0]\nret void",
};

enum { N = sizeof bodies / sizeof *bodies };

static CodeKey key_of(Arena *a, const char *name, const char *body)
{
    LLVMContextRef c = LLVMContextCreate();
    char *why = NULL, *text = arena_printf(a, "@x = external global double\n@y = external global double\n"
                                              "declare double @f(double)\ndeclare double @g(double)\ndefine void @%s(ptr %%p, i64 %%n, <4 x float> %%v, double %%d) {\n%s\n}\n", name, body);
    LLVMMemoryBufferRef buffer = LLVMCreateMemoryBufferWithMemoryRangeCopy(text, strlen(text), "text");
    LLVMModuleRef m;
    cr_assert(!LLVMParseIRInContext(c, buffer, &m, &why), "%s\n%s", why, body);
    CodeKey k = code_key(a, LLVMGetNamedFunction(m, name));
    LLVMDisposeModule(m);
    LLVMContextDispose(c);
    return k;
}

Test(key, as_texts_are)
{
    Arena *a = arena_new();
    CodeKey key[N];
    for (int i = 0; i < N; i++) key[i] = key_of(a, "kernel", bodies[i]);
    for (int i = 0; i < N; i++) {
        CodeKey again = key_of(a, "other", bodies[i]);      /* another context, another name */
        cr_expect(code_key_equal(key[i], again) && code_key_hash(key[i]) == code_key_hash(again), "%s", bodies[i]);
        for (int j = 0; j < i; j++) cr_expect(!code_key_equal(key[i], key[j]), "%s\nis taken for\n%s", bodies[i], bodies[j]);
    }
    arena_free(a);
}
