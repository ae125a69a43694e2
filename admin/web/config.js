// What the server wrote into the document: version, base_path, is_admin, and what
// graphite.js needs.
export const config = JSON.parse(document.documentElement.dataset.config);

// "" or "/x": what every URL of ours begins with.
export const base = config.base_path === '/' ? '' : config.base_path;
