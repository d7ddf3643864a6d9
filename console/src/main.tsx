import { render } from 'preact'
import { App } from './app.tsx'
import { listenToKeys } from './state/keys.ts'
import { watch } from './state/live.ts'
import { askAbout } from './state/start.ts'

void askAbout()
watch()
listenToKeys()
const place = document.getElementById('app')
if (place !== null) render(<App />, place)
