/* key.c - see key.h. One walk gives parameters, blocks and instructions their numbers, a second one writes an instruction after the
 * other: what it is, and the numbers of its operands. Constants, functions and types get theirs where they are met first, and are described
 * there. What is not known here is described by its text. Start at code_key(). */
#include "compiler/llvm/key.h"
#include "base/bug.h"

#include <string.h>

typedef struct { const void *what; uint32_t number; } Numbered;

typedef struct Writer {
    Arena          *scratch;
    Numbered       *at;                                     /* by address; open addressing, a power of two */
    uint32_t        n, cap;
    ARRAY(uint32_t) word;
} Writer;

enum { NEW = UINT32_MAX };                                  /* before a description; else a number follows */

/* ---- numbers ---------------------------------------------------------------------------------------------------- */

static Numbered *place_of(const Writer *w, const void *what)
{
    uint64_t at = ((uintptr_t)what >> 3) * 0x9e3779b97f4a7c15u >> 32;
    while (w->at[at & (w->cap - 1)].what && w->at[at & (w->cap - 1)].what != what) at++;
    return &w->at[at & (w->cap - 1)];
}

static void grow(Writer *w)
{
    Writer old = *w;
    w->cap = old.cap ? 2 * old.cap : 256;
    w->at = arena_array(w->scratch, Numbered, w->cap);
    for (uint32_t i = 0; i < old.cap; i++)
        if (old.at[i].what) *place_of(w, old.at[i].what) = old.at[i];
}

static void put(Writer *w, uint32_t word) { array_push(w->scratch, &w->word, word); }

static void put_64(Writer *w, uint64_t bits)
{
    put(w, (uint32_t)bits);
    put(w, (uint32_t)(bits >> 32));
}

static void put_text(Writer *w, const char *s, size_t n)
{
    put(w, (uint32_t)n);
    for (size_t i = 0; i < n; i += 4) {
        uint32_t part = 0;
        memcpy(&part, s + i, n - i < 4 ? n - i : 4);
        put(w, part);
    }
}

static void number(Writer *w, const void *what)
{
    if (2 * w->n >= w->cap) grow(w);
    *place_of(w, what) = (Numbered){what, w->n++};
}

/* False: it has no number yet, gets one, and its description is to follow. */
static bool put_known(Writer *w, const void *what)
{
    const Numbered *p = place_of(w, what);
    put(w, p->what ? p->number : NEW);
    if (p->what) return true;
    number(w, what);
    return false;
}

/* ---- types and constants ---------------------------------------------------------------------------------------- */

static void put_type(Writer *w, LLVMTypeRef t)
{
    if (put_known(w, t)) return;
    LLVMTypeKind kind = LLVMGetTypeKind(t);
    put(w, kind);
    switch (kind) {
    case LLVMIntegerTypeKind: put(w, LLVMGetIntTypeWidth(t)); return;
    case LLVMVectorTypeKind:
        put(w, LLVMGetVectorSize(t));
        put_type(w, LLVMGetElementType(t));
        return;
    case LLVMVoidTypeKind: case LLVMFloatTypeKind: case LLVMDoubleTypeKind: return;
    default: {
        char *text = LLVMPrintTypeToString(t);
        put_text(w, text, strlen(text));
        LLVMDisposeMessage(text);
    }
    }
}

static void put_printed(Writer *w, LLVMValueRef v)
{
    char *text = LLVMPrintValueToString(v);
    put_text(w, text, strlen(text));
    LLVMDisposeMessage(text);
}

static bool is_word(LLVMTypeRef t) { return LLVMGetTypeKind(t) == LLVMIntegerTypeKind && LLVMGetIntTypeWidth(t) <= 64; }

static bool is_float(LLVMTypeRef t) { return LLVMGetTypeKind(t) == LLVMFloatTypeKind || LLVMGetTypeKind(t) == LLVMDoubleTypeKind; }

static void put_operand(Writer *w, LLVMValueRef v);

static void put_constant(Writer *w, LLVMValueRef v)
{
    enum { NULL_VALUE, POISON, UNDEF, NAMED, INTEGER, REAL, VECTOR, PRINTED };
    LLVMTypeRef t = LLVMTypeOf(v);
    put_type(w, t);
    if (LLVMIsPoison(v)) {
        put(w, POISON);
    } else if (LLVMIsUndef(v)) {
        put(w, UNDEF);
    } else if (LLVMIsAGlobalValue(v)) {
        size_t n;
        const char *name = LLVMGetValueName2(v, &n);
        put(w, NAMED);
        put_text(w, name, n);
    } else if (LLVMIsAConstantInt(v) && is_word(t)) {
        put(w, INTEGER);
        put_64(w, LLVMConstIntGetZExtValue(v));
    } else if (LLVMIsAConstantFP(v) && is_float(t)) {
        LLVMBool loses;
        double x = LLVMConstRealGetDouble(v, &loses);
        uint64_t bits;
        memcpy(&bits, &x, sizeof bits);
        put(w, REAL);
        put_64(w, bits);
    } else if (LLVMIsNull(v)) {
        put(w, NULL_VALUE);
    } else if (LLVMIsAConstantDataVector(v) || LLVMIsAConstantVector(v)) {
        put(w, VECTOR);
        for (unsigned i = 0; i < LLVMGetVectorSize(t); i++) put_operand(w, LLVMGetAggregateElement(v, i));
    } else {
        put(w, PRINTED);
        put_printed(w, v);
    }
}

static void put_operand(Writer *w, LLVMValueRef v)
{
    if (!put_known(w, v)) put_constant(w, v);
}

/* ---- instructions ----------------------------------------------------------------------------------------------- */

/* Their texts say that there are some, not which. The emitters make none. */
static void refuse(const char *what) { BUG("key: %s", what); }

static void put_phi(Writer *w, LLVMValueRef i)
{
    for (unsigned k = 0; k < LLVMCountIncoming(i); k++) put_operand(w, LLVMBasicBlockAsValue(LLVMGetIncomingBlock(i, k)));
}

static void put_mask(Writer *w, LLVMValueRef i)
{
    for (unsigned k = 0; k < LLVMGetNumMaskElements(i); k++) put(w, (uint32_t)LLVMGetMaskValue(i, k));
}

static void put_call(Writer *w, LLVMValueRef i)
{
    put_type(w, LLVMGetCalledFunctionType(i));
    put(w, LLVMGetInstructionCallConv(i));
    put(w, (uint32_t)LLVMGetTailCallKind(i));
    for (unsigned k = 0; k < LLVMGetNumArgOperands(i) + 2; k++) {
        LLVMAttributeIndex at = k ? k - 1 : (LLVMAttributeIndex)LLVMAttributeFunctionIndex;
        if (LLVMGetCallSiteAttributeCount(i, at)) refuse("a call with attributes");
    }
}

/* What an instruction is beside its operands. */
static void put_manner(Writer *w, LLVMValueRef i, LLVMOpcode op)
{
    switch (op) {
    case LLVMRet: case LLVMBr: case LLVMSelect: case LLVMExtractElement: case LLVMInsertElement: case LLVMAnd: case LLVMXor: case LLVMURem:
    case LLVMSRem: case LLVMBitCast: case LLVMFPToSI: case LLVMFPToUI: case LLVMSIToFP: case LLVMSExt: case LLVMFAdd: case LLVMFSub:
    case LLVMFMul: case LLVMFDiv: case LLVMFNeg: case LLVMFPExt: case LLVMFPTrunc: case LLVMFreeze:
        return;
    case LLVMAdd: case LLVMSub: case LLVMMul: case LLVMShl:
        put(w, (uint32_t)(LLVMGetNUW(i) != 0) | (uint32_t)(LLVMGetNSW(i) != 0) << 1);
        return;
    case LLVMUDiv: case LLVMSDiv: case LLVMLShr: case LLVMAShr: put(w, LLVMGetExact(i) != 0); return;
    case LLVMOr: put(w, LLVMGetIsDisjoint(i) != 0); return;
    case LLVMZExt: case LLVMUIToFP: put(w, LLVMGetNNeg(i) != 0); return;
    case LLVMICmp: put(w, LLVMGetICmpPredicate(i)); return;
    case LLVMFCmp: put(w, LLVMGetFCmpPredicate(i)); return;
    case LLVMLoad: case LLVMStore:
        put(w, LLVMGetAlignment(i));
        put(w, (uint32_t)(LLVMGetVolatile(i) != 0) | (uint32_t)LLVMGetOrdering(i) << 1);
        return;
    case LLVMAlloca:
        put(w, LLVMGetAlignment(i));
        put_type(w, LLVMGetAllocatedType(i));
        return;
    case LLVMGetElementPtr:
        put_type(w, LLVMGetGEPSourceElementType(i));
        put(w, (uint32_t)LLVMGEPGetNoWrapFlags(i));
        return;
    case LLVMPHI: put_phi(w, i); return;
    case LLVMShuffleVector: put_mask(w, i); return;
    case LLVMCall: put_call(w, i); return;
    default: put_printed(w, i);
    }
}

static void put_instruction(Writer *w, LLVMValueRef i)
{
    LLVMOpcode op = LLVMGetInstructionOpcode(i);
    int operands = LLVMGetNumOperands(i);
    put(w, (uint32_t)op << 16 | (uint32_t)(operands & 0xffff));
    put_type(w, LLVMTypeOf(i));
    put_manner(w, i, op);
    if (LLVMCanValueUseFastMathFlags(i)) put(w, LLVMGetFastMathFlags(i));
    if (LLVMHasMetadata(i)) refuse("an instruction with metadata");
    for (int k = 0; k < operands; k++) put_operand(w, LLVMGetOperand(i, (unsigned)k));
}

/* ---- a function ------------------------------------------------------------------------------------------------- */

static void number_all(Writer *w, LLVMValueRef fn)
{
    for (unsigned i = 0; i < LLVMCountParams(fn); i++) number(w, LLVMGetParam(fn, i));
    for (LLVMBasicBlockRef b = LLVMGetFirstBasicBlock(fn); b; b = LLVMGetNextBasicBlock(b)) {
        number(w, LLVMBasicBlockAsValue(b));
        for (LLVMValueRef i = LLVMGetFirstInstruction(b); i; i = LLVMGetNextInstruction(i)) number(w, i);
    }
}

CodeKey code_key(Arena *a, LLVMValueRef fn)
{
    Writer w = {.scratch = arena_new()};
    number_all(&w, fn);
    put_type(&w, LLVMGlobalGetValueType(fn));
    for (LLVMBasicBlockRef b = LLVMGetFirstBasicBlock(fn); b; b = LLVMGetNextBasicBlock(b)) {
        put_operand(&w, LLVMBasicBlockAsValue(b));
        for (LLVMValueRef i = LLVMGetFirstInstruction(b); i; i = LLVMGetNextInstruction(i)) put_instruction(&w, i);
    }
    CodeKey k = {arena_copy(a, w.word.v, sizeof *w.word.v * (size_t)w.word.n), w.word.n};
    arena_free(w.scratch);
    return k;
}

uint64_t code_key_hash(CodeKey k)
{
    uint64_t h = 14695981039346656037u;                     /* FNV-1a, by words */
    for (int i = 0; i < k.n; i++) h = (h ^ k.word[i]) * 1099511628211u;
    return h ^ h >> 32;
}

bool code_key_equal(CodeKey a, CodeKey b) { return a.n == b.n && !memcmp(a.word, b.word, sizeof *a.word * (size_t)a.n); }
