// Runs before the first paint, so that a chosen theme does not flash in.
(() => {
  const root = document.documentElement;
  root.classList.add('scripted');
  let theme = null;
  try { theme = localStorage.getItem('theme'); } catch { /* storage may be switched off */ }
  if (theme === 'light' || theme === 'dark') root.dataset.theme = theme;
})();
