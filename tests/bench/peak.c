// cc -O2 peak.c -o peak && ./peak: what the best int8 instructions of this processor can do on one core, as "NAME MULTIPLY-ACCUMULATES_A_SECOND".
//
// Nothing is loaded or stored, and twelve sums run beside each other, so that neither memory nor latency counts. The best of fifty windows is told, as
// other programs may hold a core up in some of them. Without AVX2 it tells nothing and ends with 1.

#include <stdio.h>
#include <time.h>

#if defined(__x86_64__)
#include <immintrin.h>

#define N_ROUNDS 400000L
#define N_WINDOWS 50
#define TWELVE(DO) DO(a) DO(b) DO(c) DO(d) DO(e) DO(f) DO(g) DO(h) DO(i) DO(j) DO(k) DO(l)  // variables: GCC leaves an array in memory
#define KEEP(value) __asm__ volatile("" : "+v"(value));  // the compiler may neither drop nor merge the instruction before it

#define BEGIN_512(sum) __m512i sum = _mm512_setzero_si512();
#define STEP_512(sum) sum = _mm512_dpbusd_epi32(sum, bytes, bytes); KEEP(sum)

__attribute__((target("avx512f,avx512bw,avx512vnni"))) static double avx512_vnni(void) {
    __m512i bytes = _mm512_set1_epi8(1);
    TWELVE(BEGIN_512)
    for (long round = 0; round < N_ROUNDS; round++) { TWELVE(STEP_512) }
    return 64.0 * 12 * N_ROUNDS;
}

#define BEGIN_256(sum) __m256i sum = _mm256_setzero_si256();
#define STEP_256(sum) pairs = _mm256_maddubs_epi16(bytes, bytes); KEEP(pairs) sum = _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, words)); KEEP(sum)

__attribute__((target("avx2"))) static double avx2(void) {
    __m256i bytes = _mm256_set1_epi8(1), words = _mm256_set1_epi16(1), pairs;
    TWELVE(BEGIN_256)
    for (long round = 0; round < N_ROUNDS; round++) { TWELVE(STEP_256) }
    return 32.0 * 12 * N_ROUNDS;
}

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec + 1e-9 * now.tv_nsec;
}

int main(void) {
    if (!__builtin_cpu_supports("avx2")) return 1;
    int has_vnni = __builtin_cpu_supports("avx512vnni");
    double best = 0;
    for (int window = 0; window < N_WINDOWS; window++) {
        double began = seconds(), done = has_vnni ? avx512_vnni() : avx2(), rate = done / (seconds() - began);
        if (rate > best) best = rate;
    }
    printf("%s %.6e\n", has_vnni ? "avx512-vnni" : "avx2", best);
    return 0;
}
#else
int main(void) { return 1; }
#endif
