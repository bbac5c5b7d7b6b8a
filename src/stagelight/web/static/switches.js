const THEMES = ['system', 'light', 'dark'];

export const byId = (id) => document.getElementById(id);

/** Tells those who cannot see what just changed. */
export function say(words) { byId('said').textContent = words; }

export function remembered(store, key) { try { return store.getItem(key); } catch { return null; } }
export function remember(store, key, value) { try { store.setItem(key, value); } catch { /* then only this page knows */ } }

export function theme() {
  const button = byId('theme');
  const show = (chosen) => {
    if (chosen === 'system') delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = chosen;
    byId('theme-word').textContent = chosen[0].toUpperCase() + chosen.slice(1);
    button.setAttribute('aria-label', `Theme: ${chosen}`);
    document.dispatchEvent(new CustomEvent('stagelight:theme'));
  };
  let now = remembered(localStorage, 'theme');
  if (!THEMES.includes(now)) now = 'system';
  button.hidden = false;
  show(now);
  button.addEventListener('click', () => {
    now = THEMES[(THEMES.indexOf(now) + 1) % THEMES.length];
    remember(localStorage, 'theme', now);
    show(now);
  });
}
