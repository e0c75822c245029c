/* elementary.h - the part of functions.h that reads the same in f32 and f64; included there once for each.
 *
 * exp and its kin write x = n*log 2 + r, |r| <= log(2)/2, and exp r = 1 + r + r^2*P(r). expm1 adds up from the small
 * end, 2^n*(r + r^2*P) + (2^n - 1), so that it is exact to the last bits at 0; tanh, sigmoid and softplus are made of
 * exp(-|x|) and expm1(-|x|), which cannot overflow. log writes x = 2^k*(1 + f) with 1 + f in [sqrt(1/2), sqrt 2). */

/* x = n*log 2 + r, r = head - n*LN2_LOW, head without rounding; bits holds n + offset, which must not be negative, in its low half */
M_FN(void, R(reduce), REAL x, int offset, REAL *head, REAL *n, INT *bits)
{
    REAL shifted = M_FMA(x, M_K(x, 0x1.71547652b82fep+0), M_K(x, MAGIC + offset));
    *n = M_SUB(shifted, M_K(x, MAGIC + offset));
    *head = M_FMA(*n, M_K(x, -LN2), x);
    *bits = M_BITS(shifted);
}

/* e * 2^(t - 2*BIAS), t the low half of bits, in two steps, so that overflow and subnormal results round once */
M_FN(REAL, R(scale), REAL e, INT bits)
{
    INT a = M_SHR(bits, 1), b = M_ISUB(bits, a);
    return M_MUL(M_MUL(e, M_FLOAT(M_SHL(a, MANTISSA))), M_FLOAT(M_SHL(b, MANTISSA)));
}

M_FN(REAL, R(exp), REAL x)
{
    REAL head, n;
    INT bits;
    x = M_SELECT(M_LT(x, M_K(x, EXP_LOW)), M_K(x, EXP_LOW), x);
    x = M_SELECT(M_GT(x, M_K(x, EXP_HIGH)), M_K(x, EXP_HIGH), x);
    M_DO(R(reduce), x, 2 * BIAS, &head, &n, &bits);
    REAL r = M_FMA(n, M_K(x, -LN2_LOW), head);
    REAL e = M_FMA(M_FMA(POLY_EXP(r), r, M_K(r, 1)), r, M_K(r, 1));
    return M_CALL(R(scale), e, bits);
}

/* exp(-|x|) = s + s*p, s a power of 2 in [0, 1] and p small; of NaN p is one, of any sign */
M_FN(void, R(fall), REAL x, REAL *s, REAL *p)
{
    REAL a = M_NEG(M_ABS(x)), end = M_K(x, EXP_LOW), head, n;
    INT bits;
    M_DO(R(reduce), M_SELECT(M_LT(a, end), end, a), BIAS + 64, &head, &n, &bits);
    REAL r = M_FMA(n, M_K(x, -LN2_LOW), head);
    *p = M_FMA(M_MUL(r, r), POLY_EXP(r), r);
    *s = M_MUL(M_FLOAT(M_SHL(bits, MANTISSA)), M_K(x, 0x1p-64));
}

/* Made of half of it, as 2^n may be too large to write. For small n, where there is cancellation, the inner sum is exact. */
M_FN(REAL, R(expm1), REAL x)
{
    REAL within = M_SELECT(M_LT(x, M_K(x, ONE_LOW)), M_K(x, ONE_LOW), x), head, n;
    INT bits;
    M_DO(R(reduce), M_SELECT(M_GT(within, M_K(x, EXP_HIGH)), M_K(x, EXP_HIGH), within), BIAS - 1, &head, &n, &bits);
    REAL low = M_MUL(n, M_K(x, -LN2_LOW)), r = M_ADD(head, low), rest = M_FMA(M_MUL(r, r), POLY_EXP(r), low);
    REAL half = M_FLOAT(M_SHL(bits, MANTISSA));
    REAL y = M_FMA(half, rest, M_FMA(half, head, M_SUB(half, M_K(x, 0.5))));
    return M_SELECT(M_GE(M_ABS(x), M_K(x, TINY)), M_ADD(y, y), x);
}

/* e = exp(-|x|), y = e/(1 + e) and less = expm1(-|x|). y is sigmoid(-|x|) but for the rounding of 1 + e; e - e*y is, too, and is less sensitive. */
M_FN(void, R(odds), REAL x, REAL *e, REAL *y, REAL *less)
{
    REAL s, p, one = M_K(x, 1);
    M_DO(R(fall), x, &s, &p);
    *e = M_FMA(s, p, s);
    *y = M_DIV(*e, M_ADD(*e, one));
    *less = M_FMA(s, p, M_SUB(s, one));
}

M_FN(REAL, R(sigmoid), REAL x)
{
    REAL e, y, less;
    M_DO(R(odds), x, &e, &y, &less);
    return M_ABS(M_SELECT(M_LT(x, M_K(x, 0)), M_FMA(M_NEG(e), y, e), M_SUB(M_K(x, 1), y)));
}

/* y - y^2, y = sigmoid(-|x|); beside 1/2, where y takes its largest errors, they cancel. */
M_FN(REAL, R(dsigmoid), REAL x)
{
    REAL e, y, less;
    M_DO(R(odds), x, &e, &y, &less);
    return M_ABS(M_FMA(M_NEG(y), y, y));
}

/* -expm1(-2|x|)/(1 + exp(-2|x|)), which is expm1(-2|x|)*(y - 1), and the sign of x. Its derivative is 4 dsigmoid(2x), of the same exponential
 * and division: code with both computes them once. */
M_FN(REAL, R(tanh), REAL x)
{
    REAL e, y, less;
    M_DO(R(odds), M_MUL(x, M_K(x, 2)), &e, &y, &less);
    INT bits = M_BITS(x), t = M_BITS(M_ABS(M_FMA(less, y, M_NEG(less))));
    return M_FLOAT(M_OR(t, M_AND(bits, M_KI(bits, SIGN_BIT))));
}

/* softplus x = max(x, 0) + log(1 + e), e = exp(-|x|); 1 + e is halved where it is above sqrt 2 */
M_FN(REAL, R(softplus), REAL x)
{
    REAL s, p, half = M_K(x, 0.5);
    M_DO(R(fall), x, &s, &p);
    REAL e = M_FMA(s, p, s);
    Mask large = M_GT(e, M_K(x, 0x1.a82798p-2));
    REAL f = M_SELECT(large, M_FMA(e, half, M_NEG(half)), e);
    INT bits = M_BITS(x), k = M_SELECT(large, M_KI(bits, BIAS + 1), M_KI(bits, BIAS));
    return M_ABS(M_ADD(M_SELECT(M_LT(x, M_K(x, 0)), M_K(x, 0), x), M_CALL(R(log_sum), k, f)));
}

M_FN(REAL, R(log), REAL x)
{
    REAL zero = M_K(x, 0), inf = M_K(x, INFINITY);
    Mask small = M_LT(x, M_K(x, SMALLEST));
    REAL scaled = M_SELECT(small, M_MUL(x, M_K(x, TO_NORMAL)), x);
    INT bits = M_BITS(scaled), i = M_IADD(bits, M_KI(bits, ONE_BITS - ROOT_BITS));
    REAL m = M_FLOAT(M_IADD(M_AND(i, M_KI(i, FRACTION)), M_KI(i, ROOT_BITS)));
    INT k = M_ISUB(M_SHR(i, MANTISSA), M_SELECT(small, M_KI(i, TO_NORMAL_LOG), M_KI(i, 0)));
    REAL y = M_CALL(R(log_sum), k, M_SUB(m, M_K(m, 1)));
    y = M_SELECT(M_GT(x, zero), y, M_SELECT(M_EQ(x, zero), M_NEG(inf), M_K(x, NAN)));
    return M_SELECT(M_LT(x, inf), y, x);
}

/* log(1 + x) = k*log 2 + log(1 + f), k from the rounded 1 + x, f = x*2^-k + (2^-k - 1) rounded once. (2^-k times 4, as it
 * may be too small to write.) */
M_FN(REAL, R(log1p), REAL x)
{
    REAL one = M_K(x, 1), inf = M_K(x, INFINITY), quarter = M_K(x, 0.25);
    REAL u = M_ADD(x, one);
    INT bits = M_BITS(u), i = M_IADD(bits, M_KI(bits, ONE_BITS - ROOT_BITS));
    INT k = M_SHR(i, MANTISSA);
    REAL down = M_FLOAT(M_ISUB(M_KI(k, SIGN_BIT), M_SHL(k, MANTISSA)));     /* exponent 2*BIAS + 2 - k */
    REAL f = M_FMA(M_MUL(x, quarter), down, M_FMA(down, quarter, M_NEG(one)));
    REAL y = M_CALL(R(log_sum), k, f);
    y = M_SELECT(M_LT(x, inf), y, x);
    y = M_SELECT(M_GT(x, M_NEG(one)), y, M_SELECT(M_EQ(x, M_NEG(one)), M_NEG(inf), M_K(x, NAN)));
    return M_SELECT(M_GE(M_ABS(x), M_K(x, TINY)), y, x);
}

/* Machines differ in whether they quiet a NaN here; so it goes around. */
M_FN(REAL, R(floor), REAL x) { return M_SELECT(M_NE(x, x), x, M_FLOOR(x)); }
M_FN(REAL, R(sqrt), REAL x) { return M_SQRT(x); }
M_FN(REAL, R(max), REAL a, REAL b) { return M_SELECT(M_OR(M_GE(a, b), M_NE(a, a)), a, b); }
M_FN(REAL, R(min), REAL a, REAL b) { return M_SELECT(M_OR(M_LE(a, b), M_NE(a, a)), a, b); }

M_FN(REAL, R(rem), REAL a, REAL b)
{
    REAL y = M_SUB(a, M_MUL(b, M_FLOOR(M_DIV(a, b))));
    return M_SELECT(M_NE(y, y), M_K(a, NAN), y);
}

/* a^b given y = |a|^b, which is right for finite positive |a|: what is special about 0, 1, infinities and signs */
M_FN(REAL, R(pow_rules), REAL a, REAL b, REAL y)
{
    REAL zero = M_K(a, 0), one = M_K(a, 1), inf = M_K(a, INFINITY), size = M_ABS(a);
    Mask falls = M_LT(b, zero);
    y = M_SELECT(M_EQ(size, zero), M_SELECT(falls, inf, zero), y);
    y = M_SELECT(M_EQ(size, inf), M_SELECT(falls, zero, inf), y);
    y = M_SELECT(M_OR(M_EQ(size, one), M_EQ(b, zero)), one, y);
    REAL half = M_MUL(b, M_K(b, 0.5));
    Mask whole = M_EQ(M_FLOOR(b), b), odd = M_AND(whole, M_NE(M_FLOOR(half), half));
    INT bits = M_BITS(a);
    y = M_SELECT(odd, M_FLOAT(M_OR(M_BITS(y), M_AND(bits, M_KI(bits, SIGN_BIT)))), y);
    Mask rootless = M_AND(M_AND(M_LT(a, zero), M_LT(size, inf)), M_NOT(whole));
    y = M_SELECT(rootless, M_K(a, NAN), y);
    y = M_SELECT(M_NE(b, b), b, y);
    return M_SELECT(M_NE(a, a), a, y);
}
