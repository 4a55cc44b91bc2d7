using UnityEngine;

namespace Auralize
{
    /// <summary>
    /// Multiplies what the AudioListener on the same object hears: volumes of Unity are at most 1,
    /// so a scene's sources are turned down together, and here up again. (Not in WebGL, which has
    /// no audio filters: there, the scene is softer.)
    /// </summary>
    public sealed class AuralizeMakeup : MonoBehaviour
    {
        [Tooltip("Factor on all samples.")]
        public float factor = 1f;

        private void OnAudioFilterRead(float[] data, int channels)
        {
            float now = factor;
            for (int i = 0; i < data.Length; i++)
            {
                data[i] *= now;
            }
        }
    }
}
