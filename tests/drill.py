"""Mutation drill: plants one fault at a time into a copy of the library and asks the tests to notice.

    python tests/drill.py [module ...]

Not part of `make test`: run it after changing an idea module or its tests. A fault is one replacement of text; an
entry whose text is gone is stale and named. The tree itself is never edited. Exits 1 when a fault survives.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

FAULTS: dict[str, list[tuple[str, str]]] = {
    "entropy": [
        ("/ np.log(2)", "/ np.log2(2)"),
        ("-xlogy(p, p).sum(axis=-1)", "-xlogy(p, p).sum()"),
        ("-xlogy(p, p).sum(axis=-1)", "xlogy(p, p).sum(axis=-1)"),
        ("-xlogy(p, q).sum(axis=-1)", "-xlogy(q, p).sum(axis=-1)"),
        ("rel_entr(p, q)", "rel_entr(q, p)"),
        ("entropy(pxy.sum(axis=1)) + entropy(pxy.sum(axis=0))", "2 * entropy(pxy.sum(axis=1))"),
        ("+ entropy(pxy.sum(axis=0)) - entropy(pxy.ravel())", "- entropy(pxy.ravel())"),
        ("entropy(pxy.ravel()) - entropy(pxy.sum(axis=1))", "entropy(pxy.ravel()) - entropy(pxy.sum(axis=0))"),
        ('p, q = simplex("p", p), simplex("q", q)', 'p, q = simplex("p", p), np.asarray(q, dtype=float)'),
        ('p, q = simplex("p", p), simplex("q", q)', 'p, q = np.asarray(p, dtype=float), simplex("q", q)'),
        ("p.shape[-1] != q.shape[-1]", "False"),
        ("min(p.ndim, q.ndim) > 1", "False"),
        ("pxy.ndim != 2", "False"),
        ('simplex("pxy", pxy, axis=None)', 'simplex("pxy", pxy, axis=-1)'),
        ('    p = simplex("p", p)\n', "    p = np.asarray(p, dtype=float)\n"),
    ],
    "gaussian": [
        ("len(cov) * float(np.log(2 * np.pi * np.e))", "len(cov) * float(np.log(2 * np.pi))"),
        ("return 0.5 * (len(cov)", "return (len(cov)"),
        ("float(trace + distance - len(shift) + logdets)", "float(trace + distance + logdets)"),
        ("float(trace + distance - len(shift) + logdets)", "float(trace + distance - len(shift) - logdets)"),
        ("white.T, lower=True", "white, lower=True"),
        ("p - q, logdet", "p + q, logdet"),
        ('"cov of y", cov[n_x:, n_x:]', '"cov of y", cov[:n_x, :n_x]'),
        ('0.5 * (blocks - logdet("cov", cov))', 'blocks - logdet("cov", cov)'),
        ("betas[:, None] * signal > 1", "betas[:, None] * signal > 0"),
        ("(betas[:, None] - 1) * signal / lam", "betas[:, None] * signal / lam"),
        ("i_xt - 0.5 * price.sum(axis=1)", "i_xt - price.sum(axis=1)"),
        ("1 / signal[lam < 1]", "1 / signal"),
        ("(betas < 1).any()", "(betas < 0).any()"),
        ("(i_x < 0).any()", "False"),
        ("2 * i_x / k + noise", "2 * i_x + noise"),
        ("np.log1p(-lam[:k]).mean()", "np.log1p(-lam[:k]).sum()"),
        ("1 / (1 - lam[k - 1])", "1 / (1 - lam[0])"),
        ("np.where(i_x >= entry, kept, result)", "kept"),
        ("0.5 * float(np.log((beta - 1)", "float(np.log((beta - 1)"),
        ("np.arange(n_x) < n_y", "np.arange(n_x) <= n_x"),
        ("x - xy @ np.linalg.solve(y, xy.T)", "x - xy @ xy.T"),
        ("isinstance(n_x, int | np.integer)", "n_x"),
        ("p.shape == q.shape == cov_p", "p.shape == cov_p"),
    ],
    "estimators": [
        ("np.diagonal(s) - log_mean_exp(s, axis=1)", "np.diagonal(s) - log_mean_exp(s, axis=0)"),
        ("np.diagonal(s) - log_mean_exp(s, axis=1)", "s[:, 0] - log_mean_exp(s, axis=1)"),
        ("np.diagonal(s) - log_mean_exp(s, axis=1)", "np.diagonal(s) - s.mean(axis=1)"),
        ("np.mean(np.diagonal(s) - log_mean_exp(s, axis=1))", "np.sum(np.diagonal(s) - log_mean_exp(s, axis=1))"),
        ("s[~np.eye(n, dtype=bool)].reshape(n, n - 1)", "s"),
        ("s[~np.eye(n, dtype=bool)].reshape(n, n - 1)", "s.T[~np.eye(n, dtype=bool)].reshape(n, n - 1)"),
        ("log_mean_exp(others, axis=1)", "(log_mean_exp(others, axis=1) + np.log((n - 1) / n))"),
        ("log_mean_exp(others, axis=1)", "others.max(axis=1)"),
        ("s.shape[0] != s.shape[1] or", "False or"),
        ("or len(s) < 2", ""),
        ("s.ndim != 2 or ", ""),
    ],
    "kernels": [
        ("noise * det", "0 * det"),
        ("det -= k12 * k12", "det -= k12"),
        ("s *= 4\n", "s *= 2\n"),
        ("np.add.outer(1 + 2 * k11, 2 * k22)", "np.add.outer(1 + 2 * k11, 2 * k11[: len(k22)])"),
        ("doubled *= 2 / np.pi", "doubled *= 1 / np.pi"),
        ("np.divide(4 / np.pi, s, out=s)", "np.divide(2 / np.pi, s, out=s)"),
        ("s = np.sqrt(1 + 4 * k)", "s = np.sqrt(1 + 2 * k)"),
        ("np.subtract(np.pi, derivative, out=derivative)", "pass"),
        ("s += derivative * k12", "s += 2 * derivative * k12"),
        ("return k / 2, np.full_like(k, 0.5)", "return k / 2, np.full_like(k, 1.0)"),
        ("x, x) / x.shape[1]", "x, x)"),
        ("k = (self.w2 / a.shape[1]) * (a @ b.T)", "k = self.w2 * (a @ b.T)"),
        ("w * w, b * b)", "w * w, b)"),
        ("w * w, b * b)", "w, b * b)"),
        ("t = k_next + self.w2 * self.dual.diagonal(k)[1] * t", "t = k_next + self.dual.diagonal(k)[1] * t"),
        ("            derivative *= self.w2\n", ""),
        ("            t += k\n", ""),
        ("        t = k.copy()\n", "        t = np.zeros_like(k)\n"),
        ("zip(along_a[:-1], along_b[:-1], strict=True)", "zip(along_a[:-1], along_a[:-1], strict=True)"),
        ("k[columns, rows], t[columns, rows] = block.nngp.T, block.ntk.T", "pass"),
        ("i if x2 is None else 0", "i"),
        ("k, t = _mirrored(k), _mirrored(t)", "pass"),
        ("np.fill_diagonal(t, layers.ntk_diagonal(along_a))", "pass"),
        ("or depth < 0", ""),
        ("isinstance(depth, bool) or", ""),
        ('positive("sigma_b", sigma_b, zero=True)', "float(sigma_b)"),
        ('positive("sigma_w", sigma_w, zero=True)', "float(sigma_w)"),
        ("columns=a.shape[1])", "columns=None)"),
        ("    if array.ndim != 2:\n", "    if False:\n"),
        ("8 * np.finfo(float).eps * a.shape[1] ** 0.5", "4 * np.finfo(float).eps"),
    ],
    "ensembles": [
        ("exponent[:, eigenvalues == 0] = 0", "pass"),
        ("return -np.expm1(-exponents", "return -np.expm1(exponents"),
        ("-np.expm1(-exponents(eigenvalues, times))", "1 - np.exp(-exponents(eigenvalues, times))"),
        ("max(self.x.shape) * np.finfo(float).eps", "0 * np.finfo(float).eps"),
        ("(lam == 0).sum()", "(lam < 0).sum()"),
        ("half + half.T  # V^T K V", "half  # V^T K V"),
        ("self._gain(t) ** 2 @", "self._gain(t) @"),
        ("self.outputs * np.diagonal(self.nngp)", "np.diagonal(self.nngp)"),
        ("left**2 @ energy / (2 * self.n)", "left**2 @ energy / self.n"),
        ("left**2 @ energy / (2 * self.n)", "left @ energy / (2 * self.n)"),
        ("where=self.eigenvalues > 0)", "where=self.eigenvalues > 0.5)"),
        ("return nngp @ self.basis, ntk @ self.basis", "return ntk @ self.basis, ntk @ self.basis"),
        (".nngp + 2 * change", ".nngp + change"),
        (".nngp + 2 * change", ".ntk + 2 * change"),
        ("- mix @ shared[:, :, 0].T", "+ mix @ shared[:, :, 0].T"),
        ("self._half[near, start:]", "self.nngp[near, start:]"),
        ("range(0, self.n, NEIGHBOURS)", "range(0, min(self.n, NEIGHBOURS), NEIGHBOURS)"),
        ("pairs += mix @ moved", "pairs = mix @ moved"),
        ("(times_upper(b, self._half) - k_cross) @ b.T", "(times_upper(b, self._half) - 2 * k_cross) @ b.T"),
        ("np.add(half, half.T, out=change[i])", "np.add(half, half, out=change[i])"),
        ("cov += kernels.nngp(x, **self.architecture)", "pass"),
        ("e[:, i] * e[:, j]]", "e[:, i]]"),
        ("(self._gain(t) * ntk) @ self.basis.T", "(self._gain(t) * ntk) @ self.basis"),
        ("if len(t) != 1:", "if False:"),
        ("other.targets = self.basis.T @ other.y", "pass"),
        ("other = copy(self)", "other = self"),
        ("if len(y) != n:", "if False:"),
        ("if y.ndim not in (1, 2):", "if False:"),
    ],
    "encoders": [
        (
            "return np.asarray(0.5 * (error + k * var).mean(axis=-1) + ",
            "return np.asarray(0.5 * (error - k * var).mean(axis=-1) + ",
        ),
        (
            "return np.asarray(0.5 * (error + k * var).mean(axis=-1) + ",
            "return np.asarray(0.5 * (error + var).mean(axis=-1) + ",
        ),
        ("(error / (1 + var) + k * np.log(1 + var))", "(error / var + k * np.log(1 + var))"),
        ("(error / (1 + var) + k * np.log(1 + var))", "(error / (1 + var) + np.log(1 + var))"),
        ("shared**2, spread", "shared, spread"),
        ("total = (centred**2).mean(axis=-1) + var.mean(axis=-1)", "total = (centred**2).mean(axis=-1)"),
        ("(y[:, 0] - y.mean())", "y[:, 0] ** 2"),
        ("np.minimum(rho2, 1)", "rho2"),
        ('(y.var() + positive("noise_var", noise_var, zero=True)) * total', "y.var() * total"),
        ("slope = 2 * np.broadcast_to", "slope = np.broadcast_to"),
        ("np.logaddexp(0, -slope * y * z)", "np.logaddexp(0, slope * y * z)"),
        ("z = mean + np.sqrt(var)[..., None] * points", "z = mean + var[..., None] * points"),
        ("(weights / weights.sum())", "weights"),
        ("[share, 1 - share]", "[0.5, 0.5]"),
        ("0.5 * np.linalg.slogdet(cov)[1] - 0.5 * k *", "0.5 * np.linalg.slogdet(cov)[1] - 0.5 *"),
        ("/ mean.shape[1]\n    cov +=", "/ (mean.shape[1] - 1)\n    cov +="),
        ("cov += var.mean(axis=1)[:, None, None] * np.eye(k)", "cov += var.mean(axis=1)[:, None, None]"),
        ("np.sqrt(_noisy(var))[..., None] * rng", "_noisy(var)[..., None] * rng"),
        ("rng.standard_normal(mean.shape[1:])", "rng.standard_normal(mean.shape)"),
        ("lower, upper = np.array(pairs).T", "upper, lower = np.array(pairs).T"),
        ("distance / var + mean.shape[1] * (np.log(var) + LOG_2PI)", "distance / var + np.log(var) + LOG_2PI"),
        ("distance / var + mean.shape[1]", "distance / var[:, None] + mean.shape[1]"),
        ("0.5 * k * (ratio - 1 - np.log(ratio))", "0.5 * k * (ratio - 1 + np.log(ratio))"),
        ("(mean**2).sum(axis=-1) / (2 * prior)", "(mean**2).sum(axis=-1) / prior"),
        ("or (prior <= 0).any()", ""),
        ("prior.shape not in ((), var.shape[1:]) or", ""),
        ("0.5 * outputs * (np.log", "0.5 * (np.log"),
        ("+ LOG_2PI + 1).mean", "+ LOG_2PI).mean"),
        ("mean.shape[:2] != var.shape", "False"),
        ("y.shape != mean.shape[1:]", "False"),
        ("(low := float(var.min())) <= 0", "(low := float(var.min())) < 0"),
    ],
    "parameter_space": [
        ("ensemble.outputs * float(ensemble.eigenvalues.sum())", "float(ensemble.eigenvalues.sum())"),
        ("ensemble.outputs * variance +", "variance +"),
        ("variance + (ensemble.targets**2)", "variance - (ensemble.targets**2)"),
        ("ensemble.outputs * variance +", "ensemble.outputs * np.diagonal(ensemble.nngp) + variance +"),
        ("distance(ensemble, at, noise_var=noise_var)", "distance(ensemble, at)"),
        ("spectral_energy(ensemble, noise_var))", "spectral_energy(ensemble))"),
        ('positive("noise_var", noise_var, zero=True)', "noise_var"),
        ("np.divide(e**2, lam", "np.divide(e, lam"),
        ("(e * (1 - e))", "(e * (1 + e))"),
        ("volume.sum(axis=1) + 0.5 * distance(", "volume.sum(axis=1) + distance("),
        ("ensemble.outputs * volume.sum(axis=1)", "volume.sum(axis=1)"),
        ("x - e)", "x)"),
        ("0.5 - small / 6", "0.5 + small / 6"),
        ("x < 1e-4", "x < 0"),
        ('times("times", at) * fisher_trace(ensemble) +', '0.5 * times("times", at) * fisher_trace(ensemble) +'),
        ('    spd("label_cov", cov)\n', ""),
        ("np.isinf(t).any()", "False"),
        ("- 0.5 * np.log(np.where(lam > 0, lam, 1))", "- np.log(np.where(lam > 0, lam, 1))"),
        ("np.log(e) + np.outer(t, lam)", "np.log(e)"),
        ("np.exp(-2 * large)", "np.exp(-large)"),
        ("large.sum(axis=1) + 0.5 * np", "0.5 * large.sum(axis=1) + 0.5 * np"),
        ("* small[:, None, :]", ""),
        ("noise @ vectors.T", "noise @ vectors"),
        ("- ensemble.targets[:, 0]", "+ ensemble.targets[:, 0]"),
        ("np.sqrt(np.maximum(values, 0))", "np.maximum(values, 0)"),
        ("(lam * np.exp(-np.outer(s, lam))) ** 2", "np.exp(-np.outer(s, lam)) ** 2"),
        ("grown = speed[:, :1] * start + ", "grown = "),
        ("1e-9 / rates[-1], 40 / rates[0]", "1e-9 / rates[-1], 4 / rates[0]"),
        ("speed * s, x=log_s", "speed, x=log_s"),
        ("length[:, t < start] = speed[:, :1] * t[t < start]", "pass"),
        ("lam * e * (2 - e)", "lam * e * (1 - e)"),
        ("np.sqrt(0.5 * t", "np.sqrt(t"),
        ("np.sqrt(r**2 @ (e**2).T)", "np.sqrt(r**2 @ e.T)"),
        ("np.abs(r) @ e.T", "r @ e.T"),
    ],
    "gates": [
        ("stats.t.ppf(0.975, units.size - 1)", "stats.t.ppf(0.95, units.size - 1)"),
        ("stats.t.ppf(0.975, units.size - 1)", "stats.norm.ppf(0.975)"),
        ("units.size < 5", "units.size < 4"),
        ("float(units.min()), float(units.max())", "value, value"),
        ("if not np.isfinite(units).all():", "if False:"),
        ("not rest and tol > 0", "tol > 0"),
        ("not rest and tol > 0", "not rest"),
        ("if not gate.low <= gate.high", "if gate.low > gate.high"),
        ("if not all(map(math.isfinite, (m.value, m.low, m.high)))", "if math.isnan(m.value)"),
        ("self.low <= m.low and m.high <= self.high", "self.low <= m.value <= self.high"),
        ("m.high < self.low or m.low > self.high", "m.low < self.low or m.high > self.high"),
        ("min(m.low - self.low, self.high - m.high)", "max(m.low - self.low, self.high - m.high)"),
        ('"≈ 0" if abs(x) < gate.resolution else number(x)', "number(x)"),
        ("0 < bound <= ROUNDING", "False"),
        ("max(1e-3 * bound, NOISE)", "NOISE"),
        ("max(1e-3 * bound, NOISE)", "1e-3 * bound"),
        ("not isinstance(table, Mapping) or ", ""),
        ("isinstance(x, int | float) for x in", "x for x in"),
    ],
    "claims": [
        ('return REPRODUCED if planted == "fails" else UNDECIDED', "return REPRODUCED"),
        ('return CONTRADICTED if planted == "holds" else UNDECIDED', "return CONTRADICTED"),
        ('in_limit == "holds" and planted == "fails"', 'in_limit == "holds"'),
        (
            "in_limit, planted = self.limit.outcome(limit), self.limit.outcome(control)",
            "in_limit = self.limit.outcome(limit)",
        ),
        ("self.claims[claim_id].verdict == UNTESTABLE", "False"),
        ("if claim_id in self.records:", "if False:"),
        ("(claim.limit is None) != (limit is None)", "False"),
        ("if c.id not in self.records", "if False"),
        ("[html.escape(cell) for cell in row]", "list(row)"),
        ("allow_nan=False", "allow_nan=True"),
        ("repeated = {c.id for c in claims if sum(d.id == c.id for d in claims) > 1}", "repeated = set()"),
        ('needed += ["limit", "setting"]', "pass"),
        ("(claim.tier, TIERS),", ""),
        ("(claim.kind, KINDS),", ""),
        ("if c.chapter == notebook.stem", ""),
        ("sorted(r.id for r in records) != sorted(claims)", "{r.id for r in records} != set(claims)"),
        ("UNTESTABLE if claims[r.id].verdict == UNTESTABLE else UNDECIDED", "UNTESTABLE"),
        ("if r.verdict != follows:", "if False:"),
        ("if r.verdict != claims[r.id].verdict", "if r.verdict == claims[r.id].verdict"),
        ("record.control.text(gate)", "record.measured.text(gate)"),
        ('if claim.unit and not value.endswith("≈ 0") else', "if claim.unit else"),
    ],
}


def caught(module: str, old: str, new: str) -> bool:
    """Whether the tests of `module` fail once `old` reads `new`."""
    with tempfile.TemporaryDirectory() as folder:
        src, tests = Path(folder, "src"), Path(folder, "tests")
        shutil.copytree(ROOT / "src" / "itdl", src / "itdl", ignore=shutil.ignore_patterns("__pycache__"))
        tests.mkdir()
        for name in ("laws.py", f"test_{module}.py"):
            shutil.copy(ROOT / "tests" / name, tests)
        target = src / "itdl" / f"{module}.py"
        text = target.read_text(encoding="utf-8")
        if old not in text:
            raise SystemExit(f"stale fault: {module} no longer reads {old!r}")
        target.write_text(text.replace(old, new, 1), encoding="utf-8")
        command = [sys.executable, "-m", "pytest", "-xqq", "-p", "no:cacheprovider", "-W", "error", str(tests)]
        environment = {**os.environ, "PYTHONPATH": str(src), "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=False)
        return done.returncode == 1


def main(modules: list[str]) -> int:
    jobs = [(module, *fault) for module in modules for fault in FAULTS[module]]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        survivors = [
            job for job, found in zip(jobs, pool.map(lambda job: caught(*job), jobs), strict=True) if not found
        ]
    for module, old, new in survivors:
        print(f"survived in {module}: {old!r} -> {new!r}")
    print(f"{len(jobs) - len(survivors)} of {len(jobs)} planted faults caught")
    return int(bool(survivors))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or list(FAULTS)))
